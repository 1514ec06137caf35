"""Intervals of means and of ratios of sums: Student's t on clusters."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from bench.arrays import Float64s, Ints
from bench.results import Interval
from bench.stats.design import Design, Estimate, absent, critical_t, design, too_few
from bench.stats.wilson import proportion

Range = tuple[float | None, float | None]
Link = Literal["identity", "exp", "sqrt"]
BLOCK = 1 << 18  # rows at a time


def clipped(low: float, high: float, limits: Range, method: str) -> Interval:
    """The interval, with its ends brought within the limits of the quantity."""
    least = -math.inf if limits[0] is None else limits[0]
    most = math.inf if limits[1] is None else limits[1]
    return Interval(low=min(max(low, least), most), high=min(max(high, least), most), method=method)


def linked(x: float, link: Link) -> float:
    """The link applied to a mean; the square root of what falls below 0 is 0, what overflows is infinite."""
    if link == "sqrt":
        return math.sqrt(max(x, 0.0))
    if link == "exp":
        return math.exp(x) if x < math.log(1.7e308) else math.inf
    return x


def cr1(scores: Float64s, d: Design) -> float:
    """Standard error of a sum of scores (n,) that sum to 0: sqrt(G / (G - 1) * sum of squared cluster totals).

    Liang and Zeger 1986 with the factor of one-parameter CR1; with each row its own cluster, the usual s / sqrt(n)
    once the scores are divided by the total weight.
    """
    totals = scores if d.groups == len(d) else d.totals(scores)
    return math.sqrt(d.groups / (d.groups - 1) * float(totals @ totals))


def cr1_covariance(parts: Float64s) -> tuple[Float64s, Float64s]:
    """The CR1 covariance of K means, and the variance of the difference of each two; each (K, K).

    parts: (G, K), what each cluster adds to the error of each mean.
    """
    covariance = len(parts) / (len(parts) - 1) * (parts.T @ parts)
    own = np.diag(covariance)
    return covariance, own[:, None] + own - 2 * covariance


def mean(
    values: Float64s,
    d: Design,
    *,
    denominators: Float64s | None = None,
    link: Link = "identity",
    limits: Range = (None, None),
) -> Estimate:
    """`link(sum w v / sum w d)` and its 95 % interval.

    values: (n,).  denominators: (n,), absent for a mean.  Shares of zeros and ones (limits 0 and 1) get Wilson's
    interval, also those within the part of the rows that denominators of zeros and ones mark; all others t with G - 1
    degrees of freedom on the linearised ratio: scores w (v - R d) / sum w d, cluster totals by CR1, t corrected for
    their skewness (`unskewed`).  No interval where there is one sample, one cluster, no variation, or a value that is
    not finite.
    """
    v, size = values, denominators
    if d.rows < len(d):  # rows of weight 0 are out, whatever they hold: 0 * inf is not 0
        used = d.weights > 0
        v, size = np.where(used, values, 0.0), None if denominators is None else np.where(used, denominators, 0.0)
    if size is not None and link == "identity" and limits == (0, 1) and _share_of_part(v, size):
        d, size = design(len(d), groups=_clusters(d), weights=d.weights * size), None
    total = float(d.weights.sum() if size is None else d.weights @ size)
    if d.rows == 0 or total == 0:
        return Estimate(None, absent(too_few(d) or "the denominators sum to 0"), d.groups)
    with np.errstate(invalid="ignore"):
        ratio = float(v.sum() * d.weights[0] if d.plain and d.rows == len(d) else d.weights @ v) / total
    if math.isnan(ratio):
        return Estimate(None, absent("not a number"), d.groups)
    value = linked(ratio, link)
    reason = too_few(d) or ("" if math.isfinite(value) else "the mean is not finite")
    if reason:
        return Estimate(value, absent(reason), d.groups)
    if size is None and link == "identity" and limits == (0, 1) and bool(((v == 0) | (v == 1)).all()):
        return Estimate(*proportion(v, d), d.groups)
    scores = v - ratio if size is None else v - ratio * size
    scores *= d.weights
    error = cr1(scores, d) / abs(total)
    if error <= 1e-14 * abs(ratio):
        return Estimate(value, absent("no variation"), d.groups)
    reach = critical_t(d.groups - 1)
    method = "t" if d.groups == d.rows else "t(CR1)"
    skew = skewness(scores if d.groups == len(d) else d.totals(scores)) * math.copysign(1.0, total)
    low, high = (linked(ratio - error * unskewed(t, skew, d.groups), link) for t in (reach, -reach))
    return Estimate(value, clipped(low, high, limits, method), d.groups)


def _clusters(d: Design) -> Ints | None:
    return None if d.groups == d.rows else d.codes


def _share_of_part(values: Float64s, part: Float64s) -> bool:
    """Whether the ratio is the share of ones among the rows of a part, which `part` marks."""
    return bool((((part == 0) | (part == 1)) & ((values == 0) | (values == part))).all())


def skewness(totals: Float64s) -> float:
    """Third moment of cluster totals of mean 0 over the 1.5th power of the second."""
    # In units of the largest, so that no power overflows; some at a time, or of many rows it would take three copies.
    top = max(float(totals.max()), -float(totals.min()))
    second = third = 0.0
    for start in range(0, len(totals), BLOCK):
        x = totals[start : start + BLOCK] / top
        squares = x * x
        second += float(squares.sum())
        third += float(x @ squares)
    return third / len(totals) / (second / len(totals)) ** 1.5


def unskewed(t: float, skew: float, groups: int) -> float:
    """How many standard errors below the mean the end at the quantile t lies, given the skewness of cluster totals.

    Student's t of skewed values is skewed itself, the other way round: of few of them, with rare large ones, its
    interval misses above.  Hall's monotone cubic map takes that out, and this is its inverse (Hall 1992, On the removal
    of skewness by transformation); without skewness it is t.
    """
    a = skew / math.sqrt(groups)
    if abs(a) < 1e-6:
        return t
    return 3 / a * (float(np.cbrt(1 + a * (t - a / 6))) - 1)
