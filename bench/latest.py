"""The latest answers of a function, kept for as long as the objects that it was asked about live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

# Answers kept: what is asked of a record is mostly asked of the rows that it is held against, too.
KEPT = 2


def latest(function: Callable[P, T]) -> Callable[P, T]:
    """Answer again from memory where all arguments are the same objects as one of the last two times.

    For functions of values that do not change: frozen records, and arrays.  An array that may be written to could
    have changed, so nothing is remembered for it; `frozen` marks one that will not.  Arguments are held weakly: the
    answer goes with the first of them.
    """
    held: list[tuple[tuple[weakref.ref[object], ...], T]] = []

    def gone(key: weakref.ref[object]) -> None:
        held[:] = [entry for entry in held if key not in entry[0]]

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs or any(isinstance(x, np.ndarray) and x.flags.writeable for x in args):
            return function(*args, **kwargs)
        for keys, value in held[:]:
            if len(keys) == len(args) and all(key() is x for key, x in zip(keys, args, strict=True)):
                return value
        value = function(*args, **kwargs)
        held[:] = [*held[1 - KEPT :], (tuple(weakref.ref(x, gone) for x in args), value)]
        return value

    return answer


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, never to be written to again."""
    array.setflags(write=False)
    return array
