from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.latest import frozen, latest


@dataclass(frozen=True, eq=False)
class Thing:
    number: int


def _counted() -> tuple[list[int], object]:
    calls: list[int] = []

    @latest
    def answer(thing: Thing, w: Float64s) -> Float64s:
        calls.append(thing.number)
        return w * thing.number

    return calls, answer


def test_the_same_objects_are_answered_once() -> None:
    calls, answer = _counted()
    one, two = Thing(1), Thing(2)
    w = frozen(np.ones(3))
    assert callable(answer)
    assert answer(one, w) is answer(one, w)
    assert calls == [1]
    assert answer(two, w)[0] == 2
    assert answer(one, w)[0] == 1
    assert calls == [1, 2]
    answer(one, frozen(np.ones(3)))  # equal is not the same
    assert calls == [1, 2, 1]
    answer(one, w)  # only the latest two are kept
    assert calls == [1, 2, 1, 1]


def test_what_may_be_written_to_is_not_remembered() -> None:
    calls, answer = _counted()
    assert callable(answer)
    thing, w = Thing(3), np.ones(2)
    answer(thing, w)
    w[0] = 5
    assert answer(thing, w).tolist() == [15, 3]
    assert calls == [3, 3]


def test_answers_go_with_their_arguments() -> None:
    _, answer = _counted()
    assert callable(answer)
    thing, w = Thing(1), frozen(np.ones(2))
    kept = weakref.ref(answer(thing, w))
    assert kept() is not None
    del w
    gc.collect()
    assert kept() is None
