"""Tests of programs that are not trusted: what passes, and what would like to."""

from __future__ import annotations

import time

import pytest

from bench.sandbox import Limits, Tests, passes

ADD = Tests("assert add(1, 2) == 3\nassert add([1], [2]) == [1, 2]\nassert add('a', 'b') == 'ab'")
HONEST = "def add(a, b):\n    return a + b\n"


def test_right_programs_pass_and_wrong_ones_do_not() -> None:
    assert passes(HONEST, ADD)
    assert not passes(HONEST.replace("+", "-"), ADD)
    assert not passes("def add(a, b:", ADD)
    assert not passes("", ADD)
    assert not passes(HONEST, Tests("assert add(1, 2) == 4"))
    assert not passes(HONEST, Tests("assert ("))


FORGERS = """
import os
os._exit(0)
---
raise SystemExit(0)
---
import atexit, os
atexit.register(os._exit, 0)
def add(a, b): raise SystemExit(0)
---
class Same:
    def __eq__(self, other): return True
    def __bool__(self): return True
def add(a, b): return Same()
---
class Same(int):
    def __eq__(self, other): return True
    __hash__ = None
def add(a, b): return Same(0)
---
import builtins
builtins.AssertionError = None
builtins.compile = lambda *_: "pass"
def add(a, b): return 0
---
import sys
sys.modules["exchange"].Caller.ask = lambda *_: 3
def add(a, b): return 0
---
import sys
frame = sys._getframe()
while frame:
    frame.f_globals["given"] = {"text": "pass"}
    frame = frame.f_back
def add(a, b): return 0
---
import os
for k in range(3, 32):
    try:
        os.write(k, b'["gave", true, []]' + bytes([10]))
    except OSError:
        pass
def add(a, b): return 0
---
import os
def add(a, b): os.kill(os.getppid(), 9)
---
import os
def add(a, b): os._exit(97)
---
def check(*_): pass
def add(a, b): return None
---
import os
def add(a, b): open(f"/proc/{os.getpid() + 1}/mem", "rb").read()
""".split("---")  # noqa: SIM905 - they are read more easily as one text


@pytest.mark.parametrize("program", FORGERS)
def test_no_program_passes_but_by_its_values(program: str) -> None:
    assert not passes(program, ADD, Limits(seconds=5.0))


def test_what_tests_do_beside_comparing() -> None:
    program = """
import collections
class Node:
    def __init__(self, value):
        self.value, self.next = value, None
def total(node):
    return 0 if node is None else node.value + total(node.next)
def double(items):
    items[:] = [2 * item for item in items]
def squares(n):
    return (k * k for k in range(n))
def half(x):
    if x % 2:
        raise ValueError("odd")
    return x // 2
def counts(text):
    return collections.Counter(text)
def adder(n):
    return lambda x: x + n
def many(*args, **named):
    return (None, True, 1.5, 2 + 1j, b"x", {1: {2}}, frozenset("a"), 10**40, float("inf"), args, named)
"""
    tests = """
first = Node(1)
first.next = Node(2)
assert total(first) == 3 and first.next.value == 2
given = [1, 2]
double(given)
assert given == [2, 4]
assert list(squares(4)) == [0, 1, 4, 9] and sum(squares(4)) == 14
try:
    half(3)
except ValueError as error:
    assert str(error) == "odd"
else:
    raise AssertionError
assert counts("aab") == {"a": 2, "b": 1}
assert adder(2)(3) == 5
assert many((1,), key=[2]) == (
    None, True, 1.5, 2 + 1j, b"x", {1: {2}}, frozenset("a"), 10**40, float("inf"), ((1,),), {"key": [2]})
assert math.isclose(half(4), 2)
"""
    assert passes(program, Tests(tests))


def test_modules_and_helpers_are_the_tests_own() -> None:
    forged = "class math:\n    isclose = staticmethod(lambda *_: True)\ndef poly(*_): return 0\ndef root(x): return 7"
    assert not passes(forged, Tests("assert math.isclose(root(4), 2)"))
    assert passes("def root(x): return x ** .5", Tests("assert math.isclose(root(4), 2)"))
    before = "def poly(x):\n    return x - 2\ndef root(x):\n    pass\n"
    assert not passes(forged, Tests("assert poly(root(4)) == 0", before, ("root",)))
    assert passes("def root(x): return 2", Tests("assert poly(root(4)) == 0", before, ("root",)))


@pytest.mark.parametrize("program", ["while True: pass", "def add(a, b):\n    while True: pass"])
def test_endless_programs_do_not_pass(program: str) -> None:
    started = time.monotonic()
    assert not passes(program, ADD, Limits(seconds=1.0))
    assert time.monotonic() - started < 5
