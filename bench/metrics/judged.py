"""What metrics of judged answers share: the confidence and the outcome of each row, and its weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.components import NotApplicable
from bench.latest import frozen, latest
from bench.records import Classification, Judged

BINS = 15


@latest
def judged(record: Judged) -> tuple[Float64s, Bools]:
    """Confidence in [0, 1] and correctness, each (n,).  Raises `NotApplicable` where a row has no right answer."""
    with_classes(record)
    confidence, correct = record.confidence, record.correct
    if len(confidence) and not (confidence.min() >= 0 and confidence.max() <= 1):
        confidence = np.clip(confidence, 0.0, 1.0)
    return frozen(confidence.view()), frozen(correct.view())


def with_classes(record: Any) -> None:
    """Raise `NotApplicable` where a classification holds rows outside its classes (label -1), which nothing can be."""
    if isinstance(record, Classification) and (record.labels < 0).any():
        raise NotApplicable("some rows are of none of the classes (label -1); take the in-distribution rows")


def base_weights(record: Any) -> Float64s | float:
    """The record's own weights, (n,), or 1: the part of a weight that is not repetition.

    A bootstrap weight is a count times this.  Metrics that depend on how many samples there are, not only on their
    shares, need the two apart.
    """
    weights: Float64s | None = record.weights
    return 1.0 if weights is None else weights


def scaled(record: Any, w: Float64s) -> Float64s:
    """Weights (B, n) in units of samples: divided by the mean of the record's own weights."""
    weights: Float64s | None = record.weights
    return w if weights is None or not weights.any() else w / weights[weights > 0].mean()


def bin_of(confidence: Float64s, bins: int = BINS) -> Ints:
    """The equal-width bin [k / bins, (k + 1) / bins) of each confidence, the last one closed at 1, (n,)."""
    return np.minimum((confidence * bins).astype(np.int64), bins - 1)


def in_bins(confidence: Float64s, bins: int = BINS) -> Float64s:
    """Membership in the bins of `bin_of`, (n, bins)."""
    return (bin_of(confidence, bins)[:, None] == np.arange(bins)).astype(np.float64)
