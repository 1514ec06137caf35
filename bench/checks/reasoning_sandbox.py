"""The sandbox: programs that end, that raise, and that want out."""

from __future__ import annotations

from bench.components import Truth, check
from bench.sandbox import Limits, run

_EVIL = {
    "a fork": "import os; os.fork()",
    "a file": "open('x', 'w')",
    "another's file": "open('/etc/passwd')",
    "a socket": "import socket; socket.socket()",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "memory": "bytearray(1 << 30)",
}


@check("reasoning/sandbox", area="reasoning", source="programs whose end is known")
def sandbox() -> list[Truth]:
    """Sound programs end, wrong ones raise, evil ones are refused, endless ones are stopped."""
    cases = [("sound", "assert sorted([2, 1]) == [1, 2]", "ok"), ("wrong", "assert 1 == 2", "raised")]
    cases += [(name, program, "raised") for name, program in _EVIL.items()]
    cases.append(("endless", "while True: pass", "timeout"))
    return [
        Truth(1, float(run(program, Limits(seconds=1.5)).status == status), 0, f"{name}: {status}")
        for name, program, status in cases
    ]
