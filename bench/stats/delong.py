"""AUROC without resampling: its variance, interval and paired test by placements, for independent samples.

With clusters or weights use `influence.of_auroc` and the paired tests: the same placements, summed over clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError
from bench.stats.design import LEVEL
from bench.stats.influence import placements


@dataclass(frozen=True, kw_only=True)
class Auroc:
    """AUROC with its 95 % interval; `None` ends where a class has fewer than 2 samples or nothing varies."""

    value: float
    variance: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class AurocTest:
    """Difference of two AUROCs on the same samples; p-value two-sided, `None` where nothing varies but they differ."""

    first: Auroc
    second: Auroc
    difference: float
    error: float | None
    p_value: float | None
    low: float | None
    high: float | None


def covariance(scores: Float64s, positive: Bools) -> tuple[Float64s, Float64s]:
    """AUROCs (K,) of K scores (K, n), and DeLong's covariance (K, K).

    S10 / m + S01 / n, covariances of the placements of m positives and n negatives (DeLong et al. 1988); equal to the
    U-statistic's Hoeffding projection; on average too large by 1 / (12 m n) at AUROC 1/2, so the interval errs on the
    wide side.  Sorted once per score: n log n (Sun and Xu 2014).
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:
        raise UsageError(
            "no variance of this AUROC", cause=f"{m} positive and {n} negative samples", fix="give at least 2 of each"
        )
    ones = np.ones(len(positive))
    each = [placements(s, positive, ones) for s in scores]
    above, below = np.stack([e[0] for e in each]), np.stack([e[1] for e in each])
    return np.array([e[2] for e in each]), np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n


def auroc(scores: Float64s, positive: Bools) -> Auroc:
    """AUROC (ties half) of scores (n,) with DeLong's variance.

    The interval is taken on the logit scale, which keeps it within [0, 1] and honest near 1 (Qin and Hotilovac 2008).
    """
    values, variances = covariance(scores[None], positive)
    return _with_interval(float(values[0]), float(variances[0, 0]))


def paired(first: Float64s, second: Float64s, positive: Bools) -> AurocTest:
    """Do two scores (n,) of the same samples have the same AUROC?"""
    from scipy.special import ndtr, ndtri

    values, c = covariance(np.stack([first, second]), positive)
    difference = float(values[0] - values[1])
    variance = float(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    each = [_with_interval(float(v), float(c[i, i])) for i, v in enumerate(values)]
    if variance <= 1e-14 * float(c[0, 0] + c[1, 1]) or variance <= 0:
        same = 1.0 if difference == 0 else None
        return AurocTest(
            first=each[0], second=each[1], difference=difference, error=None, p_value=same, low=None, high=None
        )
    error = math.sqrt(variance)
    half = float(ndtri((1 + LEVEL) / 2)) * error
    return AurocTest(
        first=each[0],
        second=each[1],
        difference=difference,
        error=error,
        p_value=2 * float(ndtr(-abs(difference) / error)),
        low=difference - half,
        high=difference + half,
    )


def _with_interval(value: float, variance: float) -> Auroc:
    from scipy.special import expit, logit, ndtri

    if variance <= 0 or not 0 < value < 1:
        return Auroc(value=value, variance=variance, low=None, high=None)
    half = float(ndtri((1 + LEVEL) / 2)) * math.sqrt(variance) / (value * (1 - value))
    centre = float(logit(value))
    return Auroc(value=value, variance=variance, low=float(expit(centre - half)), high=float(expit(centre + half)))
