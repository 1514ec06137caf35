"""How rows were sampled: which of them belong together, and how much each counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints, small
from bench.errors import UsageError
from bench.results import Interval

LEVEL = 0.95


def critical_t(df: float) -> float:
    """The value of Student's t that bounds 95 % on both sides: half of an interval in units of its error."""
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + LEVEL) / 2))


class Estimate(NamedTuple):
    """A number (`None` where there is none), its 95 % interval, and the clusters of independent samples behind it."""

    value: float | None
    interval: Interval
    groups: int


@dataclass(frozen=True, eq=False)
class Design:
    """Weights and clusters of n rows.

    weights: (n,), >= 0.  cluster: (n,), of each row, 0 .. groups - 1 (rows of weight 0 belong nowhere and carry 0);
    `None` where each row is its own.  rows: how many have a weight above 0.  plain: whether these are independent and
    weigh the same.
    """

    weights: Float64s
    cluster: Ints | None
    groups: int
    rows: int
    plain: bool

    def __len__(self) -> int:
        return len(self.weights)

    @cached_property
    def codes(self) -> Ints:
        """The cluster of each row, (n,)."""
        return np.arange(len(self), dtype=small(len(self))) if self.cluster is None else self.cluster

    def totals(self, values: Float64s) -> Float64s:
        """Sum of values (n,) over each cluster, (groups,); rows of weight 0 must have value 0."""
        return np.bincount(self.codes, values, minlength=self.groups).astype(np.float64, copy=False)


def design(n: int, *, groups: AnyArray | None = None, weights: AnyArray | None = None) -> Design:
    """The design of n rows.  Without groups each row is its own cluster; without weights all weigh 1."""
    # One number for all rows takes no memory, and tells those who ask that all weigh the same.
    w = np.broadcast_to(1.0, n) if weights is None else np.asarray(weights, dtype=np.float64)
    for name, column in (("weights", w), ("groups", groups)):
        if column is not None and len(column) != n:
            raise UsageError(f"'{name}' has {len(column)} rows", cause=f"there are {n} samples", fix="align them")
    if weights is None and groups is None:
        return Design(w, None, n, n, plain=True)
    if not (np.isfinite(w) & (w >= 0)).all():
        raise UsageError("a weight is negative or not finite", cause="weights say how much a row counts", fix="mend it")
    used = w > 0
    rows = int(used.sum())
    codes = np.zeros(n, dtype=small(n))
    if groups is None:
        codes[used] = np.arange(rows)
        count = rows
    else:
        count, codes[used] = _numbered(np.asarray(groups)[used])
    return Design(w, codes, count, rows, plain=count == rows and (rows == 0 or np.ptp(w[used]) == 0))


def _numbered(groups: AnyArray) -> tuple[int, Ints]:
    """How many different groups there are, and the place of each row's among them, rising, (n,)."""
    if groups.dtype.kind in "iu" and len(groups) and groups.min() >= 0 and groups.max() < 4 * len(groups):
        there = np.bincount(groups) > 0
        return int(there.sum()), (np.cumsum(there) - 1)[groups]
    names, codes = np.unique(groups, return_inverse=True)
    return len(names), codes


def absent(reason: str) -> Interval:
    """No interval, and why."""
    return Interval(low=None, high=None, method=f"none: {reason}")


def too_few(d: Design) -> str:
    """Why nothing can be said of the spread between samples; empty where something can."""
    if d.rows < 2:
        return "no sample" if d.rows == 0 else "one sample"
    return "one cluster" if d.groups < 2 else ""
