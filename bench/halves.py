"""Work that two processes share: Python's own, which threads cannot do at the same time."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

MANY = 32  # items; fewer are done before a second process has begun
MOST = 8000  # numbers that a pipe holds while nobody reads them

Item = TypeVar("Item")
Value = TypeVar("Value")


def each(
    function: Callable[[Item], Value], items: Sequence[Item], *, meanwhile: Callable[[], object] = lambda: None
) -> list[Value]:
    """The function's value for each item, in their order; many are shared with a process of its own, as each has time.

    meanwhile: what this process does first, while the other has begun.  The function has no effect that the rest could
    miss, save files of its own; its values can be pickled.  What goes wrong in the other process is done again in this
    one, and so raised from here.
    """
    if not MANY <= len(items) <= MOST or sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        meanwhile()
        return [function(item) for item in items]
    line, end = os.pipe()  # of the items that nobody has taken
    os.write(end, b"".join([k.to_bytes(4) for k in range(len(items))]))
    os.close(end)
    reading, writing = os.pipe()
    # A bare fork: it has all that the work needs, and is there at once (multiprocessing's takes a quarter of a second).
    other = os.fork()
    if not other:
        _send(writing, function, items, line)
    os.close(writing)  # so that its end is seen when the other process ends
    try:
        with os.fdopen(reading, "rb") as sent:
            meanwhile()
            found = {k: function(items[k]) for k in _taken(line)}
            with suppress(EOFError, pickle.UnpicklingError):
                found |= pickle.load(sent)  # noqa: S301 - what our own fork wrote
    finally:
        os.close(line)
        os.waitpid(other, 0)
    return [found[k] if k in found else function(item) for k, item in enumerate(items)]


def _taken(line: int) -> Iterator[int]:
    """The next item's number, until none is left: a read takes it off the pipe for both processes."""
    while number := os.read(line, 4):
        yield int.from_bytes(number)


def _send(writing: int, function: Callable[[Item], Value], items: Sequence[Item], line: int) -> None:
    """Write the values, and end.  Silent, whatever goes wrong: who waits for them finds none, and tries himself."""
    try:
        with suppress(BaseException):
            text = pickle.dumps({k: function(items[k]) for k in _taken(line)}, pickle.HIGHEST_PROTOCOL)
            with os.fdopen(writing, "wb") as sending:
                sending.write(text)
    finally:
        os._exit(0)  # nothing of what this process would do at its end is the fork's to do
