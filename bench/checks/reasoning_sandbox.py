"""The sandbox: programs that end, that raise, and that want out."""

from __future__ import annotations

from bench.components import Truth, check
from bench.sandbox import Limits, Tests, passes, run

_EVIL = {
    "a fork": "import os; os.fork()",
    "a file": "open('x', 'w')",
    "another's file": "open('/etc/passwd')",
    "a socket": "import socket; socket.socket()",
    "a program": "import os; os.execv('/bin/true', ['true'])",
    "memory": "bytearray(1 << 30)",
}
_JUDGED = {
    "right": "def double(x): return 2 * x",
    "wrong": "def double(x): return 4",
    "an early end": "import os; os._exit(0)",
    "equal to all": "class A:\n    def __eq__(self, other): return True\ndef double(x): return A()",
}


@check("reasoning/sandbox", area="reasoning", source="programs whose end is known")
def sandbox() -> list[Truth]:
    """Sound programs end, wrong ones raise, evil ones are refused, endless ones are stopped, and no forger passes."""
    cases = [("sound", "assert sorted([2, 1]) == [1, 2]", "ok"), ("wrong", "assert 1 == 2", "raised")]
    cases += [(name, program, "raised") for name, program in _EVIL.items()]
    cases.append(("endless", "while True: pass", "timeout"))
    out = [
        Truth(1, float(run(program, Limits(seconds=1.5)).status == status), 0, f"{name}: {status}")
        for name, program, status in cases
    ]
    tests = Tests("assert double(2) == 4\nassert double('a') == 'aa'")
    return out + [
        Truth(float(name == "right"), float(passes(program, tests)), 0, f"{name}: passes its tests")
        for name, program in _JUDGED.items()
    ]
