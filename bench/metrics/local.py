"""The integrated calibration index: distance between the confidences and a local regression of correctness on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.gathering import numbered
from bench.metrics.judged import base_weights, judged
from bench.metrics.ordered import Ordered, mass_bins, ordered
from bench.metrics.sums import Sums, sums
from bench.records import Judged
from bench.stats.norms import Form

AUSTIN = "Austin and Steyerberg 2019, The Integrated Calibration Index (ICI); Cleveland 1979 (lowess)"
SPAN = 0.75
PLACES = 64  # at which the spread of its distance from the confidences is found
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


@latest
def _places(record: Judged) -> tuple[Sums, Float64s, Float64s]:
    """Sums over cells of about equal weight; of these, which lie at 64 places of equal weight; the windows there.

    The windows are the tricube weights of the cells, (places, cells, 3), times 1, the distance and its square: those of
    the record's own weights, under which they are wide enough to hold the span.
    """
    confidence, correct = judged(record)
    own = np.array(np.broadcast_to(base_weights(record), (1, len(confidence))), dtype=np.float64)
    rows = ordered(confidence, correct, own)
    _, cell, _ = numbered(mass_bins(rows.weight, PLACES)[0][np.searchsorted(rows.confidence, confidence)])
    count = int(cell.max(initial=0)) + 1
    of = sums(cell, count, np.ones(len(confidence)), correct.astype(np.float64), confidence)
    mass, _, promised = (each[0] for each in of(own))
    x = promised / mass
    reached = np.cumsum(mass) / mass.sum()
    at = np.minimum(np.searchsorted(reached, (np.arange(PLACES) + 0.5) / PLACES), count - 1)
    away = np.abs(x[at, None] - x)
    near = np.argsort(away, axis=1, kind="stable")
    enough = (np.cumsum(mass[near], axis=1) >= SPAN * mass.sum() * (1 - 1e-12)).argmax(axis=1)
    width = np.take_along_axis(away, near, axis=1)[np.arange(PLACES), enough][:, None]
    share = np.where(away > 0, np.minimum(away / np.where(width > 0, width, 1.0), 1.0), 0.0)
    tricube = (1 - share**3) ** 3
    apart = x - x[at, None]
    return of, x[at], tricube[:, :, None] * np.stack([np.ones_like(apart), apart, apart**2], axis=2)


def _local_gaps(record: Judged, w: Float64s) -> Float64s:
    """Confidence less the local regression of correctness at 64 places of equal weight, (B, 64).

    As `lowess`, with the windows of the record's own weights: a resample is then a few small products.
    """
    of, x, windows = _places(record)
    mass, hits, _ = of(w)
    with np.errstate(invalid="ignore", divide="ignore"):
        m0, m1, m2 = (mass @ windows[:, :, k].T for k in range(3))
        y0, y1 = (hits @ windows[:, :, k].T for k in range(2))
        spread = m0 * m2 - m1 * m1
        fitted = np.where(spread > 1e-12 * m0 * m2, (m2 * y0 - m1 * y1) / spread, y0 / m0)
    return x - np.clip(fitted, 0.0, 1.0)


def _mean_size(_record: Judged) -> Form:
    return lambda gaps: np.abs(gaps).mean(axis=1)


def _size_at(level: float) -> Callable[[Judged], Form]:
    def at(gaps: Float64s) -> Float64s:
        size = np.sort(np.abs(gaps), axis=1)
        place = level * size.shape[1] - 0.5  # between two of them
        below = int(place)
        part = place - below
        return (1 - part) * size[:, below] + part * size[:, min(below + 1, size.shape[1] - 1)]

    return lambda _record: at


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
    norm=_mean_size,
    gaps=_local_gaps,
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
    norm=_size_at(0.5),
    gaps=_local_gaps,
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
    norm=_size_at(0.9),
    gaps=_local_gaps,
    source=AUSTIN,
    check="calibration/local-regression",
)
def e90(record: Judged, w: Float64s) -> Float64s:
    """The 90 % quantile of |confidence - rate of right answers there|, by lowess; biased as `ici` is.  w: (B, n)."""
    return _quantile(*calibration_gaps(record, w), 0.9)
