"""What known-truth checks share: a metric by name, names of samples, and tolerances that follow from the noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Strings
from bench.components import Metric, Truth
from bench.registry import chosen
from bench.stats.intervals import value

ROUNDING = 1e-12
ERRORS = 4.5  # standard errors: a right estimator fails once in 150,000


def measured(name: str, record: Any) -> float:
    """The metric of that name; NaN, which passes no check, where it is undefined."""
    number = value(chosen(Metric, name), record)
    return math.nan if number is None else number


def ids(n: int) -> Strings:
    """Names for n samples."""
    return np.arange(n).astype(np.str_)


def exact(truth: float, estimate: float, label: str) -> Truth:
    """A closed form against its computation: they differ by rounding only."""
    return Truth(truth, estimate, ROUNDING * max(1.0, abs(truth)), label)


def simulated(truth: float, draws: AnyArray, label: str) -> Truth:
    """A truth against the mean of independent unbiased draws: within 4.5 standard errors of that mean."""
    draws = np.asarray(draws, dtype=np.float64)
    return Truth(truth, float(draws.mean()), ERRORS * float(draws.std(ddof=1)) / math.sqrt(len(draws)), label)


def area(near: Float64s, far: Float64s) -> float:
    """AUROC by counting: the share of pairs in which the far score is the larger, ties half."""
    ordered = np.sort(near)
    below = np.searchsorted(ordered, far, side="left") + np.searchsorted(ordered, far, side="right")
    return float(below.mean() / 2 / len(near))
