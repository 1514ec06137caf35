"""Values in [0, 1] held against the uniform law: PITs, ranks of posterior draws, rescaled waits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints, positions
from bench.metrics.sums import Sums, sums

PLACES = 128  # of a path at which its distribution is worked out
BLOCK = 1 << 20  # weights of values at once, where a row has several
STEPS = 1 << 16  # values at once, where all weigh the same


@dataclass(frozen=True, eq=False)
class Levels:
    """m values of n rows by rising value, of which K differ.

    order: (m,) positions.  starts: (K,), where in that order each different value begins.  each: (K,), these.
    offsets: (n + 1,), where each row's values begin; absent where each row has one.
    """

    order: Ints
    starts: Ints
    each: Float64s
    offsets: Ints | None = None

    @property
    def rows(self) -> Ints:
        """The row of each value, in their order, (m,)."""
        if self.offsets is None:
            return self.order
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))[self.order]


def levels(values: Float64s, offsets: Ints | None = None) -> Levels:
    """Values (m,) in [0, 1], one a row, or those of row i from offsets[i] to offsets[i + 1]."""
    order: Ints = np.argsort(values, kind="stable").astype(np.uint32 if len(values) < 1 << 32 else np.int64)
    values = values[order]
    new = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=new[1:])
    starts = positions(new)
    return Levels(order, starts, values if len(starts) == len(values) else values[starts], offsets)


def distance(found: Levels, w: Float64s) -> Float64s:
    """Largest distance (Kolmogorov-Smirnov) of values from the uniform law under weights (B, n) of their rows, (B,).

    NaN where all weights are 0.
    """
    if w.strides[1] == 0 and len(found.order):  # all rows weigh the same
        return np.where(w[:, 0] > 0, _even(found), np.nan)
    rows = found.rows
    step = len(w) if found.offsets is None else max(1, BLOCK // max(1, len(rows)))
    return np.concatenate([_distance(found, rows, w[i : i + step]) for i in range(0, len(w), step)])


def _even(found: Levels) -> float:
    """The distance of values that weigh the same, some at a time."""
    count, ends, largest = len(found.order), found.starts[1:], 0.0
    for start in range(0, len(found.starts), STEPS):
        part = slice(start, start + STEPS)
        each, before = found.each[part], found.starts[part] / count
        after = np.append(ends[part], [count] if len(ends[part]) < len(each) else []) / count
        largest = max(largest, float((after - each).max()), float((each - before).max()))
    return largest


def _distance(found: Levels, rows: Ints, w: Float64s) -> Float64s:
    starts = found.starts
    mass = w.T[rows] if len(starts) == len(rows) else np.add.reduceat(w.T[rows], starts, axis=0)
    mass = mass.T
    with np.errstate(invalid="ignore"):
        mass = mass / (w.sum(axis=1) if found.offsets is None else mass.sum(axis=1))[:, None]
        above = np.cumsum(mass, axis=1)
        above -= found.each
    # A tie's inner steps are not steps of the distribution: only its first and its last count.
    mass -= above
    return np.maximum(above.max(axis=1), mass.max(axis=1))


@dataclass(frozen=True, eq=False)
class Path:
    """The way of the distribution of values from 0 to 1: the mass from each of K steps to the next, and these, (K,).

    Of a step's own values one half stands before it and one half after.
    """

    masses: Sums
    each: Float64s

    def gaps(self, w: Float64s) -> Float64s:
        """The distribution less the uniform in the middles of the steps, under weights (B, n) of the rows, (B, K)."""
        (mass,) = self.masses(w)
        with np.errstate(invalid="ignore"):
            middles = np.cumsum(mass, axis=1)[:, :-1] / mass.sum(axis=1, keepdims=True)
        return middles - self.each


def path(found: Levels, places: int = PLACES) -> Path:
    """In as many of the steps as there are places, at most."""
    kept = np.unique(np.linspace(0, len(found.starts) - 1, places).round().astype(np.int64))
    index = np.repeat(np.arange(len(found.starts)), np.diff(found.starts, append=len(found.order)))
    around: Ints = np.empty((len(found.order), 2), dtype=np.int64)
    around[found.order, 0] = np.searchsorted(kept, index)
    around[found.order, 1] = np.searchsorted(kept, index, side="right")
    halves = np.full(around.shape, 0.5)
    return Path(sums(around, len(kept) + 1, halves, offsets=found.offsets), found.each[kept])
