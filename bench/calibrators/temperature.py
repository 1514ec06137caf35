"""Temperature scaling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Ints
from bench.calibrators.rows import usable
from bench.components import Calibration, calibrator
from bench.records import Classification

PASSES = 200
PATIENCE = 12  # after so many passes every other one halves the bracket, so that the end comes for certain
WIDEST = 1e6  # the temperature is sought within a factor of this about the spread of the logits
LEAP = 8.0  # the largest factor by which one pass changes it: far from the minimum Newton's step overshoots
BLOCK = 1 << 16
TOP = 5


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
    rows = usable(record, possible=True)
    fitted = best_temperature(rows.logits, rows.labels, rows.weights)

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
    if not (weights * scaled[np.arange(len(scaled)), labels]).any():
        return spread / WIDEST
    if _derivatives(scaled, labels, weights, 0.0)[0] >= 0:
        return spread * WIDEST
    low, high, beta = 1 / WIDEST, WIDEST, 1.0
    for done in range(PASSES):
        slope, curvature = _derivatives(scaled, labels, weights, beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        step = -slope / curvature if curvature > 0 else np.copysign(np.inf, -slope)
        following = float(np.clip(beta + step, beta / LEAP, beta * LEAP))
        if abs(following - beta) <= 1e-10 * beta:
            return spread / following
        trusted = low < following < high and not (done > PATIENCE and done % 2)
        beta = following if trusted else float(np.sqrt(low * high))
    return spread / beta


def _derivatives(scaled: Float64s, labels: Ints, weights: Float64s, beta: float) -> tuple[float, float]:
    """First and second derivative in 1/T of the weighted mean loss; blocks bound the memory."""
    slope = curvature = 0.0
    for start in range(0, len(scaled), BLOCK):
        z, y, w = (a[start : start + BLOCK] for a in (scaled, labels, weights))
        possible = np.isfinite(z)
        values = np.where(possible, z, 0.0)  # a class of probability 0 adds nothing
        mass = np.where(possible, np.exp(beta * values), 0.0)
        total = mass.sum(axis=1)
        mean = (mass * values).sum(axis=1) / total
        deviation = values - mean[:, None]
        slope += float(w @ (mean - values[np.arange(len(z)), y]))
        curvature += float(w @ ((mass * deviation**2).sum(axis=1) / total))
    return slope / float(weights.sum()), curvature / float(weights.sum())


@calibrator(
    "temperature-top-5",
    of=Classification,
    source="Shum et al. 2024, FIRST (trustworthy maximisation of a teacher's top tokens)",
    default=False,
    papers=("FIRST: Teach A Reliable Large Language Model Through Efficient Trustworthy Distillation",),
    check="calibration/trust-profile",
)
def temperature_top_5(record: Classification) -> Calibration:
    """Keep each row's five most probable classes, renormalise, and scale them by the temperature of least NLL.

    Fitted on the rows whose label is among the five.  Applied, all other classes have probability 0, so the NLL of a
    record in which one of them comes true is infinite: that is the price of a teacher's top five.
    """
    rows = usable(replace(record, logits=_top(record.logits), members=None), possible=True)
    fitted = best_temperature(rows.logits, rows.labels, rows.weights)

    def apply(other: Classification) -> Classification:
        return replace(other, logits=_top(other.logits) / fitted, members=None)

    return Calibration({"temperature": fitted, "kept": TOP}, apply)


def _top(logits: Float64s) -> Float64s:
    """The five largest logits of each row (of equals the first), -inf elsewhere."""
    order = np.argsort(-logits, axis=1, kind="stable")[:, :TOP]
    kept = np.full_like(logits, -np.inf)
    np.put_along_axis(kept, order, np.take_along_axis(logits, order, axis=1), axis=1)
    return kept
