"""How many rows go through a model at once: as asked, or as many as are good, and half of that when memory ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from bench.errors import EvaluationError
from bench.models.batching import LOG, attempt

Item = TypeVar("Item")

# Tokens in one pass.  On a CPU a pass is compute-bound from a few hundred tokens on, and more only leave the cache.
_CPU_TOKENS, _DEVICE_TOKENS = 4096, 131_072
# Tokens held in a key-value cache while one a row goes through: their number costs memory, not time.
_CPU_CACHED, _DEVICE_CACHED = 16_384, 262_144
_CPU_ROWS, _DEVICE_ROWS = 256, 1024


@dataclass
class Batching:
    """The present limits of a model on its device; `rows` and `tokens` shrink when memory runs out."""

    rows: int
    tokens: int


def batching(device: str, asked: int = 0, *, cached: bool = False) -> Batching:
    """Limits to begin with: `asked` rows whatever their length, or (0) limits by rows and tokens.

    cached: the tokens are those of whole texts in a cache, not of one pass.
    """
    if asked:
        return Batching(asked, asked * 10**9)
    if device == "cpu":
        return Batching(_CPU_ROWS, _CPU_CACHED if cached else _CPU_TOKENS)
    return Batching(_DEVICE_ROWS, _DEVICE_CACHED if cached else _DEVICE_TOKENS)


def run_in_batches(
    items: Sequence[Item],
    length: Callable[[Item], int],
    limits: Batching,
    run: Callable[[Sequence[Item]], None],
) -> None:
    """Call `run` on consecutive items, each batch within the limits and padded to its longest `length`.

    A batch that runs out of memory is halved, as are the limits for all that follow; `EvaluationError` where a single
    item is too much.
    """
    start = 0
    while start < len(items):
        end = _end(items, length, limits, start)
        trouble = attempt(partial(run, items[start:end]))
        if trouble is None:
            start = end
            continue
        if end - start == 1:
            raise EvaluationError(
                f"no memory for one sequence of {length(items[start])} tokens",
                cause=trouble,
                fix="run in a smaller dtype (--dtype bfloat16) or on another device (--device cpu)",
            )
        limits.rows = (end - start) // 2
        limits.tokens = max(1, limits.tokens // 2)
        LOG.warning("out of memory: batches of at most %d from here on", limits.rows)


def _end(items: Sequence[Item], length: Callable[[Item], int], limits: Batching, start: int) -> int:
    longest = length(items[start])
    end = start + 1
    while end < len(items) and end - start < limits.rows:
        longest = max(longest, length(items[end]))
        if longest * (end - start + 1) > limits.tokens:
            break
        end += 1
    return end
