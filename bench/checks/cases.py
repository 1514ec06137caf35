"""What known-truth checks share: a metric by name, names of samples, and tolerances that follow from the noise."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np

from bench.arrays import AnyArray, Strings
from bench.components import Metric, Truth
from bench.registry import find
from bench.stats.intervals import value

ROUNDING = 1e-12
ERRORS = 4.5  # standard errors: a right estimator fails once in 150,000


def measured(name: str, record: Any) -> float:
    """The metric of that name; NaN, which passes no check, where it is undefined."""
    number = value(cast("Metric", find("metric", name)), record)
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
