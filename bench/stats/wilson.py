"""Wilson's interval for a proportion, also for weighted and clustered samples."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.results import Interval
from bench.stats.design import LEVEL, Design, critical_t


def wilson(p: float, n: float, critical: float) -> tuple[float, float]:
    """Ends of Wilson's score interval (Wilson 1927) for a proportion p seen in n independent trials.

    n: > 0, may be an effective number.  critical: the two-sided quantile, 1.96 for 95 %.  Ends lie within [0, 1].
    """
    square = critical * critical / n
    centre = (p + square / 2) / (1 + square)
    half = critical / (1 + square) * math.sqrt(p * (1 - p) / n + square / (4 * n))
    low = 0.0 if p == 0 else max(0.0, centre - half)
    high = 1.0 if p == 1 else min(1.0, centre + half)
    return low, high


def proportion(values: Float64s, d: Design) -> tuple[float, Interval]:
    """A weighted share of ones among values (n,) in {0, 1}, and its interval.

    Independent rows of equal weight: Wilson.  Otherwise Wilson with the effective number of `trials`, and with clusters
    the t quantile of G - 1 degrees of freedom (Korn and Graubard 1998).
    """
    from scipy.special import ndtri

    p, effective = trials(values, d)
    critical = critical_t(d.groups - 1) if d.groups < d.rows else float(ndtri((1 + LEVEL) / 2))
    low, high = wilson(p, effective, critical)
    method = "wilson" if d.plain else f"wilson, design effect {d.rows / effective:.1f}"
    return p, Interval(low=low, high=high, method=method)


def trials(values: Float64s, d: Design) -> tuple[float, float]:
    """A weighted share of ones among values (n,) in {0, 1}, and of how many independent trials it is worth.

    p (1 - p) / Var(p), Var by CR1 on the clusters, never above the number of rows.  At p = 0 or 1, where the variance
    between clusters cannot be seen, each cluster counts as one trial: the worst case.
    """
    total = d.weights.sum()
    ones, used = values == 1, d.weights > 0
    # Exactly 0 or 1 where all agree: a quotient of two sums may miss it by a rounding.
    p = float(ones[used][0]) if len(np.unique(ones[used])) == 1 else float(d.weights[ones].sum() / total)
    if d.plain:
        return p, d.rows
    kish = float(total**2 / (d.totals(d.weights) ** 2).sum())
    scores = d.totals(d.weights * (values - p))
    variance = d.groups / (d.groups - 1) * float(scores @ scores) / total**2
    # A variance of 0 comes from p = 0 or 1, or from clusters that happen to agree: the first says nothing of the
    # dependence within clusters, the second must not promise more than independent rows would.
    return p, kish if p in {0.0, 1.0} else min(d.rows, p * (1 - p) / variance) if variance > 0 else d.rows


def share_below(p: float, limit: float, effective: float, df: float) -> float:
    """p-value of "the true share is at least `limit`" by the score test that Wilson's interval inverts.

    p: the share seen in `effective` trials.  df: infinite for independent rows, else clusters - 1.
    """
    from scipy.special import ndtr, stdtr

    if not 0 < limit < 1:  # no share lies below 0; each that is not 1 lies below 1
        return 1.0 if p >= limit else 0.0
    z = (p - limit) / math.sqrt(limit * (1 - limit) / effective)
    return float(ndtr(z) if math.isinf(df) else stdtr(df, z))
