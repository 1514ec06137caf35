"""Conformal intervals of real numbers, at 90 % unless a caller of the functions says otherwise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.components import Calibration, NotApplicable, calibrator
from bench.conformal.folds import ordered
from bench.conformal.thresholds import Weighted, order, threshold
from bench.forecasts.forms import central, mean_of, quantile, std_of
from bench.records import Regression

ALPHA = 0.1
METRICS = (
    "coverage-90",
    "width-90",
    "interval-score-90",
    "worst-dataset-coverage",
)
CHECK = "uncertainty/split-conformal"

# A first interval (n,) each, and the unit (n,) by which its ends move.
First = Callable[[Regression], tuple[Float64s, Float64s, Float64s]]


@calibrator(
    "conformal-residual",
    of=Regression,
    area="uncertainty",
    source="Papadopoulos et al. 2002; Lei et al. 2018, Distribution-Free Predictive Inference for Regression",
    metrics=METRICS,
    check=CHECK,
)
def conformal_residual(record: Regression, alpha: float = ALPHA) -> Calibration:
    """Intervals of one width: the point forecast (mean, else median) and the conformal quantile of |y - point|.

    With fewer calibration rows than 1 / alpha - 1 they have no end.  On average over calibration splits coverage is in
    [1 - alpha, 1 - alpha + 1 / (n + 1)], whatever the model.
    """

    def first(r: Regression) -> tuple[Float64s, Float64s, Float64s]:
        at = _point(r)
        return at, at, np.ones(len(r))

    return _split(record, first, alpha)


@calibrator(
    "conformal-normalised",
    of=Regression,
    area="uncertainty",
    source="Papadopoulos, Gammerman and Vovk 2008, Normalized nonconformity measures; Lei et al. 2018",
    metrics=METRICS,
    check=CHECK,
)
def conformal_normalised(record: Regression, alpha: float = ALPHA) -> Calibration:
    """Intervals in proportion to the forecast's standard deviation: the conformal quantile of |y - mean| / std."""

    def first(r: Regression) -> tuple[Float64s, Float64s, Float64s]:
        at = mean_of(r)
        return at, at, std_of(r)

    return _split(record, first, alpha)


@calibrator(
    "conformal-quantile",
    of=Regression,
    area="uncertainty",
    source="Romano, Patterson and Candes 2019, Conformalized Quantile Regression",
    metrics=METRICS,
    papers=("Flexible Model Aggregation for Quantile Regression",),
    check=CHECK,
)
def conformal_quantile(record: Regression, alpha: float = ALPHA) -> Calibration:
    """Conformalised quantile regression: the forecast's own interval, both ends moved by one conformal offset.

    The offset is the conformal quantile of max(low - y, y - high), below 0 where the forecast was too wide.  Where it
    makes the ends cross, the interval is their middle.
    """

    def first(r: Regression) -> tuple[Float64s, Float64s, Float64s]:
        return *central(r, 1 - alpha), np.ones(len(r))

    return _split(record, first, alpha)


def _split(record: Regression, first: First, alpha: float) -> Calibration:
    """Split conformal prediction; with weights, under covariate shift."""
    if len(record) == 0:
        raise NotApplicable("there are no calibration rows")
    low, high, unit = first(record)
    scores = np.maximum(low - record.y, record.y - high) / unit
    limits = Weighted.of(scores, alpha, record.weights)

    def apply(other: Regression) -> Regression:
        low, high, unit = first(other)
        move = limits.at(np.ones(len(other)) if other.weights is None else other.weights) * unit
        return as_interval(other, *ordered(low - move, high + move), 1 - alpha)

    limit = threshold(scores, alpha)
    return Calibration(
        {
            "alpha": alpha,
            "n": len(record),
            "rank": order(len(record), alpha),
            "threshold": limit if math.isfinite(limit) else None,
        },
        apply,
    )


def as_interval(record: Regression, lower: Float64s, upper: Float64s, level: float) -> Regression:
    """The record with that interval, (n,) each, as its only forecast."""
    columns = dict.fromkeys((key for keys in Regression.forms.values() for key in keys), None)
    columns |= {"member_means": None, "member_stds": None, "member_quantiles": None}
    return replace(record, **{**columns, "lower": lower, "upper": upper, "levels": (), "level": level})  # type: ignore[arg-type]


def _point(record: Regression) -> Float64s:
    try:
        return mean_of(record)
    except NotApplicable:
        return quantile(record, 0.5)
