"""Judged rows in the order of their confidence, ties pooled: sorted once for any number of weightings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.latest import latest


@dataclass(frozen=True, eq=False)
class Ordered:
    """K distinct confidences (K,), ascending, with the weight of their rows and of the right ones, each (B, K)."""

    confidence: Float64s
    weight: Float64s
    hits: Float64s

    @property
    def gap(self) -> Float64s:
        """Right answers beyond those promised: sum of weight x (correct - confidence), (B, K)."""
        return self.hits - self.weight * self.confidence

    @property
    def total(self) -> Float64s:
        """Weight of each weighting, (B,)."""
        return self.weight.sum(axis=1)


def ordered(confidence: Float64s, correct: AnyArray, w: Float64s) -> Ordered:
    """Rows (n,) under weights (B, n) by ascending confidence, rows of equal confidence together.

    correct: (n,), truth values or degrees of truth in [0, 1].
    """
    order, starts = _order(confidence)
    # Weights of one row stand side by side (see `bench.stats.bootstrap`), so rows are moved whole.
    weight = w.T[order]
    hits = weight * correct[order, None]
    if len(starts) < len(order):
        weight, hits = (np.add.reduceat(x, starts, axis=0) for x in (weight, hits))
    return Ordered(confidence[order[starts]], weight.T, hits.T)


@latest
def _order(confidence: Float64s) -> tuple[Ints, Ints]:
    """Positions by ascending confidence, (n,), and where in that order each of the K distinct ones begins, (K,)."""
    order = np.argsort(confidence, kind="stable")
    c = confidence[order]
    return order, np.flatnonzero(np.concatenate([[True], c[1:] != c[:-1]])) if len(c) else np.zeros(0, dtype=np.int64)


def mass_bins(weight: Float64s, bins: int) -> Ints:
    """Bin 0 .. bins - 1 of each distinct value under weights (B, K), such that each bin holds about as much weight.

    A value falls where the middle of its weight does, so that ties are never parted and the order of rows is nothing.
    Without ties, and with a number of equal rows that `bins` divides, all bins hold equally many.
    """
    total = weight.sum(axis=1, keepdims=True)
    middle = np.cumsum(weight, axis=1) - weight / 2
    # A middle that lies on an edge must not fall to either side by rounding.
    place = bins * middle / np.where(total > 0, total, 1.0) + 1e-9
    return np.clip(place.astype(np.int64), 0, bins - 1)


def binned(values: Float64s, index: Ints, bins: int) -> Float64s:
    """Sums over bins: values and bin of each (B, K) -> (B, bins)."""
    size = len(values)
    flat = index + bins * np.arange(size)[:, None]
    sums: Float64s = np.bincount(flat.ravel(), values.ravel(), minlength=size * bins).astype(np.float64, copy=False)
    return sums.reshape(size, bins)
