"""Interval forecasts at the level that they promise themselves, and the weighted interval score."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.forecasts.forms import central, quantile
from bench.records import Regression

Y = "units of y"
# Those of the forecast hubs (Bracher et al. 2021): 98 %, 95 %, 90 %, 80 % ... 10 %.
ALPHAS = (0.02, 0.05, *(k / 10 for k in range(1, 10)))


def interval_loss(record: Regression, low: Float64s, high: Float64s, alpha: float) -> Float64s:
    """Width plus 2 / alpha times the distance by which y falls outside [low, high], (n,).  Winkler 1972."""
    outside = np.maximum(low - record.y, 0) + np.maximum(record.y - high, 0)
    return high - low + 2 / alpha * outside


def _ends(record: Regression) -> tuple[Float64s, Float64s]:
    if record.form != "interval" or record.lower is None or record.upper is None:
        raise NotApplicable("the forecast is no plain interval; see 'coverage-90', 'width-90', 'interval-score-90'")
    return record.lower, record.upper


@metric(
    "interval-coverage",
    of=Regression,
    area="uncertainty",
    better="none",
    range=(0, 1),
    source="share of outcomes within the forecast interval",
    check="uncertainty/split-conformal",
)
def interval_coverage(record: Regression) -> PerSample:
    """Share of y within the interval that was forecast, ends included; right is the `level` that it promises."""
    low, high = _ends(record)
    return per_sample((low <= record.y) & (record.y <= high))


@metric(
    "interval-width",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    source="mean width of the forecast interval",
)
def interval_width(record: Regression) -> PerSample:
    """Mean width of the interval that was forecast: better lower only at equal coverage."""
    low, high = _ends(record)
    return per_sample(high - low)


@metric(
    "interval-score",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    source="Winkler 1972; Gneiting and Raftery 2007",
)
def interval_score(record: Regression) -> PerSample:
    """Mean width of the interval plus 2 / (1 - level) times the distance by which y falls outside it.  Proper."""
    low, high = _ends(record)
    return per_sample(interval_loss(record, low, high, 1 - record.level))


@metric(
    "wis",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    default=False,
    source="Bracher et al. 2021, Evaluating epidemic forecasts in an interval format",
    papers=("Flexible Model Aggregation for Quantile Regression",),
    check="uncertainty/quantile-tools",
)
def wis(record: Regression) -> PerSample:
    """Mean weighted interval score: (|y - m| / 2 + sum of alpha_k / 2 IS_k) / (K + 1/2) over K central intervals.

    Of quantiles: the median (which is needed) and all symmetric pairs of the given levels.  Of distributions: the
    median and the intervals of 10, 20 ... 90, 95 and 98 %.  Equal to twice the mean pinball loss of those levels, so it
    nears the CRPS as they become dense.
    """
    alphas = _pairs(record.levels) if record.form == "quantiles" else ALPHAS
    if record.form == "interval":
        raise NotApplicable("one interval has no median; see 'interval-score'")
    total = 0.5 * np.abs(record.y - quantile(record, 0.5))
    for alpha in alphas:
        total += alpha / 2 * interval_loss(record, *central(record, 1 - alpha), alpha)
    return per_sample(total / (len(alphas) + 0.5))


def _pairs(levels: tuple[float, ...]) -> tuple[float, ...]:
    """The alpha of each symmetric pair; `NotApplicable` where a level has no partner or the median is missing."""
    found = np.asarray(levels)
    if len(found) % 2 == 0 or not np.allclose(found + found[::-1], 1, atol=1e-9):
        raise NotApplicable("the levels are no symmetric pairs about the median; see 'pinball'")
    return tuple(float(2 * level) for level in found[: len(found) // 2])


@metric(
    "crossing-rate",
    of=Regression,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    source="Fakoor et al. 2023, Flexible Model Aggregation for Quantile Regression",
    papers=("Flexible Model Aggregation for Quantile Regression",),
    check="uncertainty/quantile-tools",
)
def crossing_rate(record: Regression) -> PerSample:
    """Share of forecasts in which the quantile of some level lies below that of a lower level."""
    if record.form != "quantiles" or record.quantiles is None:
        raise NotApplicable("the forecast gives no quantiles")
    return per_sample((np.diff(record.quantiles, axis=1) < 0).any(axis=1))
