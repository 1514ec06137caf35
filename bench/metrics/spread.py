"""Calibration of forecast spreads: do outcomes stray as far as each forecast says?  With the curves to draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, metric
from bench.forecasts.forms import central, mean_of, pit, quantile, std_of
from bench.latest import frozen, latest
from bench.metrics.coverage import SHARES, reached
from bench.metrics.sums import Sums, sums
from bench.records import Regression

BINS = 10
FEW = 50  # rows of a bin


@dataclass(frozen=True, eq=False)
class Spreads:
    """Of the rows in each of K bins of forecast spread, under weights (B, n): what was said, and what came, (B, K).

    said: root mean forecast variance.  came: root mean squared error of the mean.  mass: total weight; an empty bin
    has NaN in the others.
    """

    said: Float64s
    came: Float64s
    mass: Float64s


def spread_curve(record: Regression, w: Float64s | None = None, bins: int = BINS) -> Spreads:
    """Forecast against observed spread in bins of equal mass by forecast spread; rows of one spread stay together.

    w: (B, n), absent: one row of the record's weights.  Source: Levi et al. 2022.
    """
    if w is None:
        w = (np.ones(len(record)) if record.weights is None else record.weights)[None]
    std, error = std_of(record), record.y - mean_of(record)
    place = bins_of(std, w, bins)
    found = []
    for values in (np.ones(len(std)), std**2, error**2):
        weighted = w * values
        found.append(np.stack([(weighted * (place == k)).sum(axis=1) for k in range(bins)], axis=1))
    return _spreads(*found)


def _spreads(mass: Float64s, variance: Float64s, square: Float64s) -> Spreads:
    with np.errstate(invalid="ignore", divide="ignore"):
        return Spreads(np.sqrt(variance / mass), np.sqrt(square / mass), mass)


def bins_of(values: Float64s, w: Float64s, bins: int) -> Float64s:
    """The bin of each row under each weighting, (B, n): by the middle of its value's share of the mass."""
    distinct, code = np.unique(values, return_inverse=True)
    member = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[member], np.arange(len(distinct)))
    mass = np.add.reduceat(w[:, member], starts, axis=1)
    total = mass.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (np.cumsum(mass, axis=1) - mass / 2) / total
    # A middle that is a bin's end but for rounding belongs to one bin whatever the scale of the weights.
    place = np.clip(np.floor(np.nan_to_num(middle) * bins + 1e-9), 0, bins - 1)
    return place[:, code]


@latest
def _settled(record: Regression) -> Sums:
    """The bins that have equal mass under the record's own weights (see `binned.settled_bins`)."""
    std, error = std_of(record), record.y - mean_of(record)
    own = (np.ones(len(std)) if record.weights is None else record.weights)[None]
    return sums(bins_of(std, own, BINS)[0].astype(np.int64), BINS, np.ones(len(std)), std**2, error**2)


def _gaps(record: Regression, w: Float64s) -> Float64s:
    # Of few rows in a bin resamples show too little noise: bins that are formed anew make up for it.
    few = len(record) < FEW * BINS
    return _relative(spread_curve(record, w) if few else _spreads(*_settled(record)(w)))


def _relative(curve: Spreads) -> Float64s:
    """(said - came) / said of each bin over the number of bins that hold a row, (B, bins)."""
    filled = curve.mass > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.where(filled, (curve.said - curve.came) / curve.said, 0.0)
        return gaps / np.where(filled.any(axis=1), filled.sum(axis=1), np.nan)[:, None]


@metric(
    "ence",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, None),
    default=False,
    biased=True,
    norm="l1",
    gaps=_gaps,
    source="Levi et al. 2022, Evaluating and Calibrating Uncertainty Prediction in Regression Tasks",
    check="metrics/ence-scaled-gaussian",
)
def ence(record: Regression, w: Float64s) -> Float64s:
    """Expected normalised calibration error: mean over ten bins by forecast spread of |said - came| / said.

    said: root mean forecast variance of a bin, came: root mean squared error of its means.  Bins hold equal mass.
    Biased upwards: noise in a bin's error never cancels.  w: (B, n); returns (B,).
    """
    return np.abs(_relative(spread_curve(record, w))).sum(axis=1)


def _missed(record: Regression, w: Float64s) -> Float64s:
    """Share of y at most each of the forecast's K quantiles, less its level, over K: (B, K)."""
    if record.form != "quantiles":
        return (reached(_first(record), len(SHARES), w) - SHARES) / len(SHARES)
    below, levels = _below(record)
    with np.errstate(invalid="ignore"):
        return (w @ below / w.sum(axis=1)[:, None] - levels) / len(levels)


@latest
def _first(record: Regression) -> Ints:
    """The first level whose quantile y does not exceed, (n,)."""
    return frozen(np.searchsorted(SHARES, pit(record)).astype(np.uint8))


@metric(
    "quantile-calibration-error",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, 1),
    default=False,
    biased=True,
    norm="l1",
    gaps=_missed,
    source="Kuleshov, Fenner and Ermon 2018, Accurate Uncertainties for Deep Learning",
    check="metrics/ence-scaled-gaussian",
)
def quantile_calibration_error(record: Regression, w: Float64s) -> Float64s:
    """Mean over levels t of |share of y at most the forecast's t quantile - t|.

    Levels 5, 10 ... 95 %; of quantile forecasts, their own.  One-sided, so it sees a shift that central intervals miss.
    Biased upwards, as `coverage-error`.  w: (B, n); returns (B,).
    """
    return np.abs(_missed(record, w)).sum(axis=1)


def _below(record: Regression) -> tuple[Float64s, Float64s]:
    if record.form != "quantiles":
        return (pit(record)[:, None] <= SHARES).astype(np.float64), SHARES
    if not record.levels:
        raise NotApplicable("the forecast has no levels")
    columns = [record.y <= quantile(record, level) for level in record.levels]
    return np.stack(columns, axis=1).astype(np.float64), np.asarray(record.levels)


def quantile_curve(record: Regression) -> tuple[Float64s, Float64s]:
    """Levels t, (K,), and the weighted share of y at most the forecast's t quantile, (K,): the diagonal is right."""
    below, levels = _below(record)
    return levels, np.average(below, axis=0, weights=record.weights)


def interval_curve(record: Regression, shares: Float64s = SHARES) -> tuple[Float64s, Float64s]:
    """Promised shares, (K,), and the weighted share of y within each central interval, (K,): the diagonal is right.

    Raises `NotApplicable` where the forecast does not reach an interval.
    """
    ends = [central(record, float(share)) for share in shares]
    inside = np.stack([(low <= record.y) & (record.y <= high) for low, high in ends], axis=1)
    return np.asarray(shares), np.average(inside.astype(np.float64), axis=0, weights=record.weights)
