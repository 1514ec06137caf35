"""Murphy's decomposition of the Brier score of the confidence, over 15 bins of equal width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.decomposition import MURPHY
from bench.metrics.judged import in_bins, judged
from bench.metrics.widths import cells
from bench.records import Judged


@dataclass(frozen=True, eq=False)
class Murphy:
    """Brier = reliability - resolution + uncertainty + within, each (B,).

    within: what bins cost, the variance of the confidences within bins less twice their covariance with correctness
    (Stephenson, Coelho and Jolliffe 2008); 0 where each bin holds one confidence.
    """

    reliability: Float64s
    resolution: Float64s
    uncertainty: Float64s
    within: Float64s


def murphy(confidence: Float64s, correct: Float64s, w: Float64s) -> Murphy:
    """Murphy's decomposition of the mean of (confidence - correct)^2 over 15 equal-width bins.  w: (B, n)."""
    members = in_bins(confidence)
    mass, hits, promised = (w @ (members * x[:, None]) for x in (np.ones_like(confidence), correct, confidence))
    square, product = (w @ (members * x[:, None]) for x in (confidence**2, confidence * correct))
    with np.errstate(invalid="ignore", divide="ignore"):
        total = mass.sum(axis=1)
        rate = hits.sum(axis=1) / total
        used = mass > 0
        reliability = np.where(used, (hits - promised) ** 2 / mass, 0.0).sum(axis=1) / total
        resolution = np.where(used, mass * (hits / mass - rate[:, None]) ** 2, 0.0).sum(axis=1) / total
        variance = square - np.where(used, promised**2 / mass, 0.0)
        covariance = product - np.where(used, promised * hits / mass, 0.0)
        return Murphy(reliability, resolution, rate * (1 - rate), (variance - 2 * covariance).sum(axis=1) / total)


def _bins(record: Judged, w: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Weight, right answers and promised ones of the bins, (B, bins) each."""
    held = cells(record, w)
    return held.mass, held.gap + held.mean, held.mean


def _unreliable(record: Judged, w: Float64s) -> Float64s:
    """Mean gaps times the roots of the bins' shares, (B, bins): their squares add up to the reliability."""
    mass, hits, promised = _bins(record, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0, (hits - promised) / np.sqrt(mass), 0.0) / np.sqrt(mass.sum(axis=1, keepdims=True))


def _resolved(record: Judged, w: Float64s) -> Float64s:
    """Distances of the bins' rates from the overall one likewise: their squares add up to the resolution."""
    mass, hits, _ = _bins(record, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = mass.sum(axis=1, keepdims=True)
        rate = hits.sum(axis=1, keepdims=True) / total
        return np.where(mass > 0, np.sqrt(mass) * (hits / mass - rate), 0.0) / np.sqrt(total)


@metric(
    "murphy-reliability",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="square",
    gaps=_unreliable,
    source=MURPHY,
    check="calibration/decomposition",
)
def murphy_reliability(record: Judged, w: Float64s) -> Float64s:
    """Reliability part of `brier-confidence` over 15 equal-width bins: the square of `ece-l2`.  Biased upwards.

    w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    return murphy(confidence, correct.astype(np.float64), w).reliability


@metric(
    "murphy-resolution",
    of=Judged,
    area="calibration",
    better="higher",
    range=(0, 0.25),
    biased=True,
    default=False,
    norm="square",
    gaps=_resolved,
    source=MURPHY,
    check="calibration/decomposition",
)
def murphy_resolution(record: Judged, w: Float64s) -> Float64s:
    """Resolution part of `brier-confidence`: the variance of accuracy between 15 equal-width bins.  Biased upwards.

    w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    return murphy(confidence, correct.astype(np.float64), w).resolution
