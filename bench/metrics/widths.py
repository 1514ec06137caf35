"""Bins of equal width of the confidence, and what they hold under any number of weightings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.latest import frozen, latest
from bench.metrics.gathering import numbered
from bench.metrics.judged import bin_of, judged
from bench.metrics.sums import Sums, sums
from bench.records import Judged

ROWS = 1 << 16  # at a time
FEW = 4  # weightings; for fewer, a product would spend its time on laying out its columns

Column = Callable[[slice], Float64s]  # a value of each row, worked out some rows at a time


@dataclass(frozen=True, eq=False)
class Cells:
    """What the bins hold under weights w (B, n), bins that hold no row left out; each (B, K).

    mass: sum of w.  gap: sum of w (correct - confidence).  mean: sum of w confidence.
    """

    mass: Float64s
    gap: Float64s
    mean: Float64s


@latest
def bin_index(record: Judged) -> tuple[Ints, int]:
    """The bin of each row, (n,), of the K that hold one."""
    held, index, _ = numbered(bin_of(judged(record)[0]))
    return frozen(index), len(held)


def _columns(record: Judged) -> tuple[Column, ...]:
    confidence, correct = judged(record)
    return lambda s: np.ones(len(confidence[s])), lambda s: correct[s] - confidence[s], lambda s: confidence[s]


@latest
def cells(record: Judged, w: Float64s) -> Cells:
    """One product for every metric of these bins."""
    return Cells(*(sums_of(record, w, *_columns(record)) if len(w) < FEW else _of_cells(record)(w)))


@latest
def _of_cells(record: Judged) -> Sums:
    return _made(record, *_columns(record))


def _made(record: Judged, *columns: Column) -> Sums:
    index, k = bin_index(record)
    return sums(index, k, *(column(slice(None)) for column in columns))


def sums_of(record: Judged, w: Float64s, *columns: Column) -> list[Float64s]:
    """Sums of w (B, n) times each column over the rows of each bin, (B, K): one product, or one pass a column."""
    if len(w) >= FEW:
        return _made(record, *columns)(w)
    index, k = bin_index(record)
    size, n = w.shape
    found = [np.zeros((size, k)) for _ in columns]
    for start in range(0, n, ROWS):
        rows = slice(start, start + ROWS)
        cell = (index[rows].astype(np.int64) + k * np.arange(size)[:, None]).ravel()
        for i, column in enumerate(columns):
            found[i] += np.bincount(cell, (w[:, rows] * column(rows)).ravel(), size * k).reshape(size, k)
    return found
