"""The integrated calibration index: distance between the confidences and a local regression of correctness on them."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.judged import judged
from bench.metrics.ordered import Ordered, ordered
from bench.records import Judged

AUSTIN = "Austin and Steyerberg 2019, The Integrated Calibration Index (ICI); Cleveland 1979 (lowess)"
SPAN = 0.75
CELLS = 256  # distinct confidences that the regression is told apart


def lowess(rows: Ordered, span: float = SPAN) -> Float64s:
    """Locally linear regression of correctness on confidence at each distinct confidence, (B, K), within [0, 1].

    Cleveland's lowess without robustness passes: tricube weights over the nearest `span` of the weight.  NaN under a
    weighting without weight.
    """
    x, fitted = rows.confidence, np.empty_like(rows.weight)
    wanted = span * rows.total[:, None] * (1 - 1e-12)
    for k, at in enumerate(x):  # over at most 256 cells, not over samples
        away = np.abs(x - at)
        near = np.argsort(away, kind="stable")
        reached = np.cumsum(rows.weight[:, near], axis=1) >= wanted
        width = away[near][reached.argmax(axis=1)][:, None]
        powers = np.stack([np.ones_like(x), x - at, (x - at) ** 2], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.minimum(away / width, 1.0)
            share[:, away == 0] = 0.0
            # Products: numpy's power is ten times slower.
            tricube = 1 - share * share * share
            tricube = tricube * tricube * tricube
            m0, m1, m2 = ((rows.weight * tricube) @ powers).T
            y0, y1 = ((rows.hits * tricube) @ powers[:, :2]).T
            spread = m0 * m2 - m1 * m1
            # All the weight at one place: no line, but a mean.
            lined = spread > 1e-12 * m0 * m2
            value = np.where(lined, (m2 * y0 - m1 * y1) / spread, y0 / m0)
        fitted[:, k] = np.clip(value, 0.0, 1.0)
    fitted[rows.total == 0] = np.nan
    return fitted


@latest
def calibration_gaps(record: Judged, w: Float64s) -> tuple[Float64s, Float64s]:
    """|confidence - lowess of correctness| at each of at most 256 confidences, and the weight there, each (B, K).

    More distinct confidences than that are rounded to as many even steps between the lowest and the highest.
    """
    confidence, correct = judged(record)
    values = np.unique(confidence)
    if len(values) > CELLS:
        low, high = values[0], values[-1]
        confidence = low + np.round((confidence - low) / (high - low) * (CELLS - 1)) * (high - low) / (CELLS - 1)
    rows = ordered(confidence, correct, w)
    return np.abs(lowess(rows) - rows.confidence), rows.weight


def _quantile(values: Float64s, weight: Float64s, level: float) -> Float64s:
    """The least value at which the share of weight reaches the level, (B,)."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    first = (reached >= level * reached[:, -1:] * (1 - 1e-12)).argmax(axis=1)
    return np.take_along_axis(values, order, axis=1)[np.arange(len(values)), first]


@metric(
    "ici",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source=AUSTIN,
    check="calibration/local-regression",
)
def ici(record: Judged, w: Float64s) -> Float64s:
    """Integrated calibration index: mean |confidence - rate of right answers there|, the rate by lowess, span 3/4.

    Lines, where the paper's R code fits parabolas.  Biased upwards by the curve's own noise, far less than `ece`; and
    downwards where the true curve bends within three quarters of the data.  w: (B, n); returns (B,).
    """
    gaps, weight = calibration_gaps(record, w)
    with np.errstate(invalid="ignore"):
        return (gaps * weight).sum(axis=1) / weight.sum(axis=1)


@metric(
    "e50",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source=AUSTIN,
    check="calibration/local-regression",
)
def e50(record: Judged, w: Float64s) -> Float64s:
    """Median of |confidence - rate of right answers there|, the rate by lowess; biased as `ici` is.  w: (B, n)."""
    return _quantile(*calibration_gaps(record, w), 0.5)


@metric(
    "e90",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source=AUSTIN,
    check="calibration/local-regression",
)
def e90(record: Judged, w: Float64s) -> Float64s:
    """The 90 % quantile of |confidence - rate of right answers there|, by lowess; biased as `ici` is.  w: (B, n)."""
    return _quantile(*calibration_gaps(record, w), 0.9)
