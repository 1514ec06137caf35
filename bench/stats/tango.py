"""Tango's score test and interval for the difference of two paired proportions, also against a margin.

The variance is taken at the hypothesis, not at the estimate, so it holds its level at small n and at shares near 0
and 1, where Wald's does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.errors import UsageError
from bench.stats.design import LEVEL, Design, critical_t, too_few
from bench.stats.mcnemar import Discordance, discordance
from bench.stats.means import cr1

HALVINGS = 60
Numbers = AnyArray | float


@dataclass(frozen=True, kw_only=True)
class Tango:
    """The difference (first - second), its 95 % score interval, and one-sided tests against -margin and 0.

    p_inferior: of "the difference is at least -margin"; small says that the first is worse by more than the margin.
    p_not_inferior: of "it is at most -margin"; small says that the first is not worse.  p_two_sided: of 0.
    design_effect: 1 for independent items; the counts were divided by it.
    """

    difference: float
    low: float
    high: float
    margin: float
    p_inferior: float
    p_not_inferior: float
    p_two_sided: float
    design_effect: float


def score(gains: Numbers, losses: Numbers, n: Numbers, difference: Numbers) -> Float64s:
    """Tango's statistic (1998), about N(0, 1) if the proportions differ by `difference`, in (-1, 1); broadcasts.

    gains, losses: discordant counts, may be fractional.  At 0 it is McNemar's (b - c) / sqrt(b + c); it falls as
    `difference` rises.  Where numerator and variance are both 0 it is 0.
    """
    b, c, n, delta = (np.asarray(a, dtype=np.float64) for a in (gains, losses, n, difference))
    linear = -b - c + (2 * n - b + c) * delta
    # The share of losses that the data make likeliest, given the difference: the root of 2 n q^2 + linear q - ...
    root = np.sqrt(np.maximum(linear**2 + 8 * n * c * delta * (1 - delta), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        # Two forms of one root, each where it does not cancel.
        share = np.where(linear > 0, 2 * c * delta * (1 - delta) / (root + linear), (root - linear) / (4 * n))
    variance = np.maximum(n * (2 * share + delta * (1 - delta)), 0.0)
    top = b - c - n * delta
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(top == 0, 0.0, top / np.sqrt(variance))


def ends(gains: Numbers, losses: Numbers, n: Numbers, critical: float) -> tuple[Float64s, Float64s]:
    """Ends of the score interval: the differences at which the statistic is +-critical; broadcasts over tables."""
    b, c, n = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (gains, losses, n)))
    return _crossing(b, c, n, critical), _crossing(b, c, n, -critical)


def _crossing(b: Float64s, c: Float64s, n: Float64s, level: float) -> Float64s:
    """Where the falling statistic crosses `level`, by bisection between the estimate and its far end."""
    estimate = (b - c) / n
    low, high = (np.full(b.shape, -1.0), estimate) if level > 0 else (estimate, np.full(b.shape, 1.0))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = score(b, c, n, middle) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return (low + high) / 2


def tango(table: Discordance, *, margin: float = 0.0, interval: bool = True) -> Tango:
    """Score test and interval of a table of independent paired answers.  margin: in [0, 1)."""
    from scipy.special import ndtri

    z = float(ndtri((1 + LEVEL) / 2)) if interval else math.nan
    return _tango(table.gains, table.losses, table.n, margin, z, _normal, 1.0)


def tango_clustered(first: Bools, second: Bools, d: Design, *, margin: float = 0.0, interval: bool = True) -> Tango:
    """The same for answers in clusters, or weighted: counts over the design effect, t with G - 1 degrees of freedom.

    The design effect is the CR1 variance of the difference over that of independent items (Rao and Scott 1992), never
    below 1.  interval: false leaves its ends out (NaN), for where only the tests are needed, and many of them.  Raises
    `UsageError` for fewer than two clusters.
    """
    from scipy.special import ndtri, stdtr

    if too_few(d):
        raise UsageError("no test of one cluster", cause=f"{too_few(d)}", fix="give samples of more clusters")
    used = d.weights > 0
    if d.plain:
        return tango(discordance(first[used], second[used]), margin=margin, interval=interval)
    signed = np.where(used, first.astype(np.float64) - second, 0.0)
    total = float(d.weights.sum())
    mean = float(d.weights @ signed) / total
    gains, losses = (float(d.weights[signed == s].sum()) / total for s in (1, -1))
    apart = (gains + losses - mean**2) / (d.rows - 1)
    seen = cr1(d.weights * np.where(used, signed - mean, 0.0), d) ** 2 / total**2
    effect = max(1.0, seen / apart) if apart > 0 else d.rows / d.groups
    n = d.rows / effect
    df = d.groups - 1
    if d.groups == d.rows:
        critical = float(ndtri((1 + LEVEL) / 2)) if interval else math.nan
        return _tango(n * gains, n * losses, n, margin, critical, _normal, effect)
    critical = critical_t(df) if interval else math.nan
    return _tango(n * gains, n * losses, n, margin, critical, lambda t: float(stdtr(df, t)), effect)


def _tango(
    b: float, c: float, n: float, margin: float, critical: float, cdf: Callable[[float], float], effect: float
) -> Tango:
    if not 0 <= margin < 1:
        raise UsageError(f"a margin of {margin}", cause="it is a difference of shares", fix="give one in [0, 1)")
    low, high = (critical, critical) if math.isnan(critical) else ends(np.array(b), np.array(c), n, critical)
    at_margin, at_zero = float(score(b, c, n, -margin)), float(score(b, c, n, 0.0))
    return Tango(
        difference=(b - c) / n,
        low=float(low),
        high=float(high),
        margin=margin,
        p_inferior=cdf(at_margin),
        p_not_inferior=cdf(-at_margin),
        p_two_sided=2 * cdf(-abs(at_zero)),
        design_effect=effect,
    )


def _normal(z: float) -> float:
    from scipy.special import ndtr

    return float(ndtr(z))
