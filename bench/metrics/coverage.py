"""Whether predictive intervals hold what they promise, and how wide they are."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.forecasts.forms import central, pit
from bench.latest import frozen, latest
from bench.metrics.intervals import interval_loss
from bench.metrics.sums import sums
from bench.metrics.uniformity import Levels, Path, distance, levels, path
from bench.records import Regression

FEW = 4  # weightings; for fewer, a product would spend its time on laying out its columns
SHARES = np.arange(1, 20) / 20  # central intervals of 5 %, 10 % ... 95 %


@metric(
    "coverage-90",
    of=Regression,
    area="uncertainty",
    better="none",
    range=(0, 1),
    source="share of outcomes within the central 90 % interval",
    check="metrics/coverage-scaled-gaussian",
)
def coverage_90(record: Regression) -> PerSample:
    """Share of y within the central 90 % interval of the forecast, ends included: 0.9 is right, more is too wide."""
    low, high = central(record)
    return per_sample((low <= record.y) & (record.y <= high))


@metric(
    "width-90",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit="units of y",
    range=(0, None),
    source="mean width of the central 90 % interval",
)
def width_90(record: Regression) -> PerSample:
    """Mean width of the central 90 % interval: better lower only at equal coverage."""
    low, high = central(record)
    return per_sample(high - low)


@metric(
    "interval-score-90",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit="units of y",
    range=(0, None),
    source="Winkler 1972; Gneiting and Raftery 2007",
    check="metrics/coverage-scaled-gaussian",
)
def interval_score_90(record: Regression) -> PerSample:
    """Mean width of the central 90 % interval plus 20 times the distance by which y falls outside it.  Proper.

    Rare misses weigh much, so of few rows its interval is wide and lopsided.
    """
    low, high = central(record)
    return per_sample(interval_loss(record, low, high, 0.1))


def _missed(record: Regression, w: Float64s) -> Float64s:
    """Share of y inside less the promised one, of each of K central intervals, over K: (B, K)."""
    first, shares = _first(record)
    return (reached(first, len(shares), w) - shares) / len(shares)


@metric(
    "coverage-error",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    gathers=True,
    norm="l1",
    gaps=_missed,
    source="Kuleshov, Fenner and Ermon 2018, Accurate Uncertainties for Deep Learning",
    check="metrics/coverage-scaled-gaussian",
)
def coverage_error(record: Regression, w: Float64s) -> Float64s:
    """Mean over central intervals of 5, 10 ... 95 % of |share of y inside - promised share|.

    Of quantile forecasts, those intervals whose ends lie within the given levels.  Biased upwards: noise in a share
    never cancels.  w: (B, n); returns (B,).
    """
    return np.abs(_missed(record, w)).sum(axis=1)


def reached(first: Ints, count: int, w: Float64s) -> Float64s:
    """Share of the weight w (B, n) that is in by each of `count` nested sets, given the first that holds each row."""
    if len(w) < FEW:
        masses: Float64s = np.stack([np.bincount(first, each, count + 1) for each in w]).astype(np.float64, copy=False)
    else:
        (masses,) = sums(first, count + 1, np.ones(len(first)))(w)
    with np.errstate(invalid="ignore"):
        return np.cumsum(masses[:, :count], axis=1) / w.sum(axis=1)[:, None]


@latest
def _first(record: Regression) -> tuple[Ints, Float64s]:
    """The narrowest central interval that holds y, (n,): the number of intervals where none does; what each promises.

    A narrower one lies within a wider one.
    """
    if record.form != "quantiles":
        middle = pit(record)
        middle *= 2
        middle -= 1
        return frozen(np.searchsorted(SHARES, np.abs(middle, out=middle)).astype(np.uint8)), SHARES
    levels = np.asarray(record.levels)
    # The widest that the levels hold bounds them all.
    widest = min(1 - 2 * levels[0], 2 * levels[-1] - 1) + 1e-9 if len(levels) else 0.0
    shares = SHARES[widest >= SHARES]
    if len(shares) == 0:
        raise NotApplicable("the forecast's quantiles hold no central interval")
    first = np.full(len(record), len(shares), dtype=np.uint8)
    for low, high in (central(record, share) for share in shares):
        first -= (low <= record.y) & (record.y <= high)
    return frozen(first), shares


@latest
def _levels(record: Regression) -> Levels:
    return levels(pit(record))


@latest
def _path(record: Regression) -> Path:
    return path(_levels(record))


def _gaps(record: Regression, w: Float64s) -> Float64s:
    """The distribution of F(y) less the uniform, in the middles of 128 of its steps at most, (B, K)."""
    return _path(record).gaps(w)


@metric(
    "pit-ks",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    gathers=True,
    norm="max",
    gaps=_gaps,
    source="Dawid 1984; Diebold, Gunther and Tay 1998; Kolmogorov 1933",
    check="metrics/coverage-scaled-gaussian",
)
def pit_ks(record: Regression, w: Float64s) -> Float64s:
    """Largest distance between the distribution of F(y) and the uniform (Kolmogorov-Smirnov).

    Biased upwards: about 0.87 / sqrt(n) for a perfect forecast.  Forecasts of M samples add up to 1 / (2 (M + 1)) by
    their steps.  w: (B, n); returns (B,).
    """
    return distance(_levels(record), w)
