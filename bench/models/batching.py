"""Asking a model in batches that fit: the size is found, and halved when memory runs out."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from bench.errors import EvaluationError

T = TypeVar("T")
LOG = logging.getLogger("bench")
FIRST_GUESS = 1024


@dataclass
class Batches:
    """The batch size that a model is asked with: it shrinks when memory runs out and is kept from call to call.

    size: rows at once; 0 starts from a first guess (1,024 rows).
    """

    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.size or FIRST_GUESS

    def run(self, ask: Callable[[slice], T], rows: int) -> list[T]:
        """`ask` for consecutive slices of `rows` rows, in order.

        When memory runs out, the same rows are asked again in halves, with a note to the log.  Raises
        `EvaluationError` when a single row doesn't fit; other failures pass through.
        """
        answers: list[T] = []
        start = 0
        while start < rows:
            stop = min(start + self.size, rows)
            part = slice(start, stop)
            if attempt(lambda part=part: answers.append(ask(part))) is None:  # type: ignore[misc]
                start = stop
            else:
                self._halve(stop - start)
        return answers

    def _halve(self, rows: int) -> None:
        if rows <= 1:
            raise EvaluationError(
                "one sample doesn't fit into memory",
                cause="the model ran out of memory with a batch of 1",
                fix="use a smaller model, a narrower --dtype, or another --device",
            )
        self.size = (rows + 1) // 2
        LOG.warning("out of memory with a batch of %d; going on with %d", rows, self.size)


def attempt(work: Callable[[], object]) -> str | None:
    """Do the work; why memory ran out, if it did.

    Leaving this frame drops the traceback, and with it the tensors that filled memory, which is then released.
    """
    try:
        work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        trouble = (str(error).splitlines() or [type(error).__name__])[0][:200]
    else:
        return None
    release_memory()
    return trouble


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in text for sign in ("out of memory", "can't allocate memory", "cannot allocate memory", "alloc_failed")
    )


def release_memory() -> None:
    """Give memory that nothing uses back to the device."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
