"""The latest answer of a function, kept for as long as the objects that it was asked about live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")


def latest(function: Callable[P, T]) -> Callable[P, T]:
    """Answer again from memory where all arguments are the same objects as the last time.

    For functions of values that do not change: frozen records, and arrays.  An array that may be written to could
    have changed, so nothing is remembered for it; `frozen` marks one that will not.  Arguments are held weakly: the
    answer goes with the first of them.
    """
    held: list[tuple[tuple[weakref.ref[object], ...], T]] = []

    @wraps(function)
    def answer(*args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs or any(isinstance(x, np.ndarray) and x.flags.writeable for x in args):
            return function(*args, **kwargs)
        for keys, value in held[:]:
            if len(keys) == len(args) and all(key() is x for key, x in zip(keys, args, strict=True)):
                return value
        value = function(*args, **kwargs)
        held[:] = [(tuple(weakref.ref(x, lambda _: held.clear()) for x in args), value)]
        return value

    return answer


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, never to be written to again."""
    array.setflags(write=False)
    return array
