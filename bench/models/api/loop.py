"""A thread in which coroutines run: connections stay open between calls, and an interrupt ends the wait at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """An event loop of its own, so that it also works where the caller runs one; the thread never holds up an exit."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="bench-api", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; it is cancelled where the caller is interrupted."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise
