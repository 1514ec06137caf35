"""Programs that want out: each is refused or stopped, and nothing of it is left."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from bench.sandbox import Limits, run

# As the kernel's refusals reach a program; the last ones: a call that returned -1, no site-packages, no stdin.
_EXPECTED = (
    "PermissionError", "Operation not permitted", "can't start new thread", "No usable temporary directory",
    "ZeroDivisionError", "ModuleNotFoundError", "not allowed to raise maximum limit", "input(): lost sys.stdin",
)  # fmt: skip
QUICK = Limits(seconds=2.0, memory=256 << 20)


def test_sound_programs_run() -> None:
    outcome = run("import math, collections, re, heapq, itertools, typing, functools, random, datetime\nprint(math.pi)")
    assert (outcome.status, outcome.stdout) == ("ok", "3.141592653589793\n"), outcome.stderr
    assert run("assert 1 + 1 == 3").status == "raised"
    assert "AssertionError" in run("assert 1 + 1 == 3").stderr
    assert run("def f(:").status == "raised"
    assert run("x = '€' + chr(0xd800)").status == "ok"


@pytest.mark.parametrize(
    "program",
    [
        "import os; os.fork()",
        "import subprocess; subprocess.run(['/bin/true'])",
        "import os; os.system('true') and 1/0",
        "import os; os.execv('/bin/true', ['true'])",
        "import threading; threading.Thread(target=print).start()",
        "import socket; socket.socket()",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1')",
        "open('here.txt', 'w')",
        "import tempfile; tempfile.TemporaryFile()",
        "import os; os.mkdir('folder')",
        "import os; os.unlink(__import__('sys').executable)",
        "import os; os.rename('/tmp', '/tmp2')",
        "import os; os.chmod('/tmp', 0)",
        "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
        "import os, signal; os.killpg(0, signal.SIGKILL)",
        "open('/etc/passwd').read()",
        "open('/proc/self/environ').read()",
        "import os; os.listdir('/')",
        "import ctypes; ctypes.CDLL(None, use_errno=True).ptrace(16, 1, 0, 0) == -1 and 1/0",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
        "import numpy",
        "raise SystemExit(0)",
        "import os; os._exit(0)",
        "import sys; sys.exit()",
        "input()",
    ],
)
def test_what_is_not_allowed_fails(program: str) -> None:
    outcome = run(program, QUICK)
    assert outcome.status == "raised", outcome
    assert any(error in outcome.stderr for error in _EXPECTED) or "exit" in program.lower(), outcome.stderr


def test_fork_bombs_have_no_children() -> None:
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    started = time.monotonic()
    assert run(bomb, Limits(seconds=1.0)).status == "timeout"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("program", ["while True: pass", "import time; time.sleep(60)", "(9 ** 9 ** 9) ** 9"])
def test_endless_programs_are_stopped(program: str) -> None:
    started = time.monotonic()
    assert run(program, Limits(seconds=1.0)).status == "timeout"
    assert time.monotonic() - started < 5


def test_memory_is_bounded() -> None:
    outcome = run("x = bytearray(1 << 30)", QUICK)
    assert outcome.status == "raised"
    assert "MemoryError" in outcome.stderr
    assert run("x = []\nwhile True: x.append(bytearray(1 << 20))", QUICK).status in {"raised", "killed"}


def test_output_is_bounded() -> None:
    outcome = run("while True: print('x' * 1000)", QUICK)
    assert outcome.status == "flood"
    assert len(outcome.stdout) <= QUICK.output
    assert run("import os\nwhile True: os.write(2, b'x' * 1000)", QUICK).status == "flood"


def test_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder of its own: other tests open sandboxes at the same time.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outside = tmp_path / "out"
    run(f"open({str(outside)!r}, 'w').write('x')", QUICK)
    run("while True: pass", Limits(seconds=0.5))
    assert list(tmp_path.iterdir()) == []


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    outcome = run("import os; print(sorted(os.environ))")
    assert "SECRET" not in outcome.stdout
    assert outcome.status == "ok"


def test_deep_recursion_and_crashes_are_data() -> None:
    assert run("def f(): f()\nf()", QUICK).status == "raised"
    crash = run("import ctypes; ctypes.string_at(0)", QUICK)
    assert crash.status in {"killed", "raised"}
