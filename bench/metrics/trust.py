"""Being right and knowing it, in one number."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.calibration import ece
from bench.metrics.judged import judged
from bench.records import Judged


@metric(
    "trust",
    of=Judged,
    area="calibration",
    better="higher",
    range=(-1, 1),
    biased=True,
    default=False,
    source="Shum et al. 2024, FIRST",
    papers=("FIRST: Teach A Reliable Large Language Model Through Efficient Trustworthy Distillation",),
    check="calibration/trust-profile",
)
def trust(record: Judged, w: Float64s) -> Float64s:
    """Trust score: accuracy less `ece` (15 equal-width bins, top label).

    Biased downwards, by as much as `ece` is upwards: compare models on equally many samples.  w: (B, n) -> (B,).
    """
    _, correct = judged(record)
    with np.errstate(invalid="ignore"):
        return w @ correct.astype(np.float64) / w.sum(axis=1) - ece(record, w)
