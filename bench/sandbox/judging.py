"""Whether a program passes tests, where the program has no say in it: the two run in processes of their own.

The process of the tests calls the program's functions through pipes and gets plain values back, which it compares
itself (see `exchange`).  So a program can pass only by giving values that pass: it cannot end the tests early, change
what they compare with, or take the place of the functions that they use beside its own.  What remains: tests that
judge a value by asking the program (a method of its own class, a function that it defines beside the one asked for)
believe what it answers; a program that knows the tests can answer by heart; and where the value is an object of the
program's own class, it equals nothing, so tests that compare such objects fail.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.sandbox.locks import NOT_LOCKED
from bench.sandbox.running import Limits, end, not_closed, require_platform

PARTY = Path(__file__).with_name("party.py")


@dataclass(frozen=True)
class Tests:
    """text: Python that raises where a test fails.  before: what it may use beside the program, run before it.

    names: of the program's, those that the tests call; empty: all that they use and nobody else defines.  Modules of
    the standard library are the tests' own, whoever imports them.
    """

    __test__ = False  # not a test case, whatever its name says

    text: str
    before: str = ""
    names: tuple[str, ...] = ()

    def wanted(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names that the program is to bring, and the modules to import; none where the tests are no Python."""
        try:
            nodes = [node for part in (self.before, self.text) for node in ast.walk(ast.parse(part))]
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return self.names, ()
        used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
        own = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
        own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
        own |= {alias.asname or alias.name.partition(".")[0] for alias in imports}
        free = used - own - set(dir(builtins)) - set(self.names)
        modules = free & sys.stdlib_module_names
        return self.names or tuple(sorted(free - modules)), tuple(sorted(modules))


def passes(program: str, tests: Tests, limits: Limits | None = None) -> bool:
    """Whether the tests come to their end; both sides are locked in, with the limits each.

    Raises `UsageError` where this machine cannot lock a process in; then nothing is run.
    """
    limits = limits or Limits()
    require_platform()
    deadline = time.monotonic() + limits.seconds
    answers, answer = os.pipe()
    calls, call = os.pipe()
    sides: list[subprocess.Popen[bytes]] = []
    try:
        sides.append(_start("program", limits, calls, answer))
        sides.append(_start("tests", limits, answers, call))
    finally:
        for pipe in (answers, answer, calls, call):
            os.close(pipe)
        if len(sides) < 2:
            for side in sides:
                end(side)
    judge = sides[1]
    try:
        _feed(sides[0], {"text": program})
        names, modules = tests.wanted()
        before = "".join(f"import {module}\n" for module in modules) + tests.before
        _feed(judge, {"text": tests.text, "before": before, "names": names})
        judge.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    finally:
        for side in sides:
            end(side)
    if judge.returncode == NOT_LOCKED:
        raise not_closed("")
    return judge.returncode == 0


def _start(role: str, limits: Limits, source: int, sink: int) -> subprocess.Popen[bytes]:
    whole = str(int(limits.seconds) + 1)
    command = [sys.executable, "-I", "-S", str(PARTY), role, whole, str(limits.memory), str(source), str(sink)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own file
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PYTHONHASHSEED": "0"},
        cwd="/",
        pass_fds=(source, sink),
        start_new_session=True,
    )


def _feed(side: subprocess.Popen[bytes], given: dict[str, object]) -> None:
    """Hand over the text; the child reads all of it before it runs any."""
    assert side.stdin is not None  # noqa: S101 - it was asked for as a pipe
    with suppress(BrokenPipeError):
        side.stdin.write(json.dumps(given).encode())
    with suppress(BrokenPipeError):
        side.stdin.close()
