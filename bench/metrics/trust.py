"""Being right and knowing it, in one number."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.widths import cells
from bench.records import Judged
from bench.stats.norms import normed


def _accuracy_and_gaps(record: Judged, w: Float64s) -> Float64s:
    """Accuracy, and the gaps of which the l1 norm is `ece`, (B, 1 + K)."""
    held = cells(record, w)
    right = (held.gap + held.mean).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.concatenate([right, held.gap], axis=1) / held.mass.sum(axis=1, keepdims=True)


@metric(
    "trust",
    of=Judged,
    area="calibration",
    better="higher",
    range=(-1, 1),
    biased=True,
    default=False,
    norm="rest",
    gaps=_accuracy_and_gaps,
    source="Shum et al. 2024, FIRST",
    papers=("FIRST: Teach A Reliable Large Language Model Through Efficient Trustworthy Distillation",),
    check="calibration/trust-profile",
)
def trust(record: Judged, w: Float64s) -> Float64s:
    """Trust score: accuracy less `ece` (15 equal-width bins, top label).

    Biased downwards, by as much as `ece` is upwards: compare models on equally many samples.  w: (B, n) -> (B,).
    """
    return normed(_accuracy_and_gaps(record, w), "rest")
