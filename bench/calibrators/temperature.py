"""Temperature scaling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import Calibration, NotApplicable, calibrator
from bench.records import Classification

PASSES = 60
WIDEST = 1e6  # the temperature is sought within a factor of this about the spread of the logits
LEAP = 8.0  # the largest factor by which one pass changes it: far from the minimum Newton's step overshoots
BLOCK = 1 << 16


@calibrator(
    "temperature",
    of=Classification,
    source="Guo et al. 2017, arXiv:1706.04599",
    check="calibration/temperature-recovery",
)
def temperature(record: Classification) -> Calibration:
    """Divide the logits by the one number T > 0 that minimises the (weighted) negative log-likelihood.

    Rows without a label in range (OOD) and rows whose label has probability 0 at every temperature are left out.
    Applied, the distribution of an ensemble's members is dropped: the calibrated answer is one distribution.
    """
    logits, labels, weights = _usable(record)
    fitted = best_temperature(logits, labels, weights)

    def apply(other: Classification) -> Classification:
        return replace(other, logits=other.logits / fitted, members=None)

    return Calibration({"temperature": fitted}, apply)


def best_temperature(logits: Float64s, labels: Ints, weights: Float64s) -> float:
    """The temperature of least mean negative log-likelihood.

    logits: (n, C), finite at the label, -inf allowed elsewhere; labels: (n,) in 0..C-1; weights: (n,), >= 0.
    The loss is convex in 1/T, so Newton's method within a shrinking bracket finds its one minimum, in 5 to 7 passes.
    Where the loss falls without end (every label has the largest logit: T -> 0) or the labels go against the logits
    (T -> infinity), the end of the range, a factor of 1e6 about the logits' median gap, is returned.  Logits that are
    constant within every row carry nothing to scale: T = 1.
    """
    gaps = logits - logits.max(axis=1, keepdims=True)
    varied = np.isfinite(gaps) & (gaps < 0)
    if not varied.any():
        return 1.0
    spread = float(np.median(-gaps[varied]))
    scaled = gaps / spread
    low, high, beta = 1 / WIDEST, WIDEST, 1.0
    for _ in range(PASSES):
        slope, curvature = _derivatives(scaled, labels, weights, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = -slope / curvature if curvature > 0 else np.copysign(np.inf, -slope)
        following = float(np.clip(beta + step, beta / LEAP, beta * LEAP))
        if abs(following - beta) <= 1e-10 * beta:
            return spread / following
        beta = following if low < following < high else float(np.sqrt(low * high))
    return spread / beta


def _derivatives(scaled: Float64s, labels: Ints, weights: Float64s, beta: float) -> tuple[float, float]:
    """First and second derivative in 1/T of the weighted mean loss; blocks bound the memory."""
    slope = curvature = 0.0
    for start in range(0, len(scaled), BLOCK):
        z, y, w = (a[start : start + BLOCK] for a in (scaled, labels, weights))
        mass = np.exp(beta * z)
        values = np.where(np.isfinite(z), z, 0.0)  # a class of probability 0 adds nothing
        total = mass.sum(axis=1)
        mean = (mass * values).sum(axis=1) / total
        deviation = values - mean[:, None]
        slope += float(w @ (mean - values[np.arange(len(z)), y]))
        curvature += float(w @ ((mass * deviation**2).sum(axis=1) / total))
    return slope / float(weights.sum()), curvature / float(weights.sum())


def _usable(record: Classification) -> tuple[Float64s, Ints, Float64s]:
    inside = (record.labels >= 0) & (record.labels < record.logits.shape[1])
    rows = np.flatnonzero(inside)
    rows = rows[np.isfinite(record.logits[rows, record.labels[rows]])]
    weights = np.ones(len(record)) if record.weights is None else record.weights
    if len(rows) == 0 or not weights[rows].sum() > 0:
        raise NotApplicable("there are no labelled calibration rows to fit the temperature on")
    return record.logits[rows], record.labels[rows], weights[rows]
