"""Work that two processes share: Python's own, which threads cannot do at the same time."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TypeVar

MANY = 100  # items; fewer are done before a second process has begun

Item = TypeVar("Item")
Value = TypeVar("Value")


def each(function: Callable[[Item], Value], items: Sequence[Item]) -> list[Value]:
    """The function's value for each item, in their order: every other one from a process of its own, if there are many.

    The function has no effect that the rest could miss, save files of its own; its values can be pickled.  What goes
    wrong in the other process is done again in this one, and so raised from here.
    """
    if len(items) < MANY or sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        return [function(item) for item in items]
    # A fork has all that the work needs, and no thread of ours to miss.
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    other = context.Process(target=_send, args=(sending, function, items[1::2]))
    other.start()
    sending.close()  # so that its end is seen if the other process ends
    try:
        found: list[Value | None] = [None] * len(items)
        found[::2] = [function(item) for item in items[::2]]
        found[1::2] = _received(receiving) or [function(item) for item in items[1::2]]
    finally:
        receiving.close()
        other.join()
    return found  # type: ignore[return-value]  # none of them is left


def _send(sending: Connection, function: Callable[[Item], Value], items: Sequence[Item]) -> None:
    # Silent, whatever ends it: who waits for the values finds none, and tries himself.
    with suppress(BaseException):
        sending.send([function(item) for item in items])


def _received(receiving: Connection) -> list[Value]:
    try:
        return receiving.recv()
    except (EOFError, OSError):
        return []
