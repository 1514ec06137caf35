"""Whether predictive intervals hold what they promise, and how wide they are."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.forecasts.forms import central, pit
from bench.latest import latest
from bench.metrics.intervals import interval_loss
from bench.records import Regression

PLACES = 128  # of a path at which its distribution is worked out
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
    inside, shares = _inside(record)
    with np.errstate(invalid="ignore"):
        return (w @ inside / w.sum(axis=1)[:, None] - shares) / len(shares)


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


@latest
def _inside(record: Regression) -> tuple[Float64s, Float64s]:
    """Whether y lies within each central interval, (n, K), and what each promises, (K,)."""
    if record.form != "quantiles":
        return (np.abs(2 * pit(record) - 1)[:, None] <= SHARES).astype(np.float64), SHARES
    levels = np.asarray(record.levels)
    # A narrower central interval lies within a wider one, so the widest that the levels hold bounds them all.
    widest = min(1 - 2 * levels[0], 2 * levels[-1] - 1) + 1e-9 if len(levels) else 0.0
    shares = SHARES[widest >= SHARES]
    if len(shares) == 0:
        raise NotApplicable("the forecast's quantiles hold no central interval")
    y = record.y
    columns = [(low <= y) & (y <= high) for low, high in (central(record, share) for share in shares)]
    return np.stack(columns, axis=1).astype(np.float64), shares


def _path(record: Regression, w: Float64s) -> Float64s:
    """The distribution of F(y) less the uniform, at 128 of the F(y) at most: middles of its steps, (B, K)."""
    order, sorted_u = _in_order(record)
    places = np.unique(np.linspace(0, len(order) - 1, PLACES).round().astype(np.int64))
    mass = w.T[order]
    with np.errstate(invalid="ignore"):
        reached = (np.cumsum(mass, axis=0)[places] - mass[places] / 2).T / w.sum(axis=1)[:, None]
    return reached - sorted_u[places]


@metric(
    "pit-ks",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    gathers=True,
    norm="max",
    gaps=_path,
    source="Dawid 1984; Diebold, Gunther and Tay 1998; Kolmogorov 1933",
    check="metrics/coverage-scaled-gaussian",
)
def pit_ks(record: Regression, w: Float64s) -> Float64s:
    """Largest distance between the distribution of F(y) and the uniform (Kolmogorov-Smirnov).

    Biased upwards: about 0.87 / sqrt(n) for a perfect forecast.  Forecasts of M samples add up to 1 / (2 (M + 1)) by
    their steps.  w: (B, n); returns (B,).
    """
    order, sorted_u = _in_order(record)
    # A tie's inner steps are not steps of the distribution: only its first `before` and its last `after` count.
    starts = np.flatnonzero(np.diff(sorted_u, prepend=-1.0))
    mass = np.add.reduceat(w.T[order], starts, axis=0).T
    with np.errstate(invalid="ignore"):
        after = np.cumsum(mass, axis=1) / w.sum(axis=1)[:, None]
        before = after - mass / w.sum(axis=1)[:, None]
    each = sorted_u[starts]
    return np.maximum((after - each).max(axis=1), (each - before).max(axis=1))


@latest
def _in_order(record: Regression) -> tuple[Ints, Float64s]:
    """Positions by rising F(y), (n,), and F(y) in that order."""
    u = pit(record)
    order = np.argsort(u, kind="stable")
    return order, u[order]
