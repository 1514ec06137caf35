"""Paired tests on clusters: t with the CR1 error, and sign flips.

Under dependence within clusters an unclustered paired test at 5 % rejects in 25 % of cases without a difference (100
clusters of 10, intra-class correlation 0.5); these hold 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.design import Design, critical_t, too_few
from bench.stats.influence import Influence, of_mean
from bench.stats.training_seeds import Seeds, widened

EXACT = 16  # clusters up to which all 2^G signs are gone through
FLIPS = 9999
CHUNK = 1 << 22  # signs at once


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """A difference first - second with its error, two-sided p-value and 95 % interval.

    error, statistic, p_value, low, high: `None` where nothing can be said, and `method` says why.  df: groups - 1, or
    what is left of it where models were trained by few seeds.
    """

    difference: float
    error: float | None
    statistic: float | None
    df: float
    p_value: float | None
    low: float | None
    high: float | None
    groups: int
    method: str


def paired_means(first: Float64s, second: Float64s, d: Design) -> PairedTest:
    """Do two means over the same rows differ?  first, second: (n,), aligned by sample."""
    if len(first) != len(d) or len(second) != len(d):
        raise UsageError(
            "the two columns are not paired",
            cause=f"{len(first)} and {len(second)} values for {len(d)} samples",
            fix="compare on the samples that both have",
        )
    used = d.weights > 0
    return t_test(of_mean(np.where(used, first, 0.0) - np.where(used, second, 0.0), d), d)


def paired_influences(first: Influence, second: Influence, d: Design) -> PairedTest:
    """Do two statistics of the same rows differ (ratios, AUROC, ECE ...)?  Their contributions are subtracted."""
    return t_test(Influence(first.value - second.value, first.contributions - second.contributions), d)


def t_test(difference: Influence, d: Design, seeds: Sequence[Seeds] = ()) -> PairedTest:
    """Is a difference 0?  t = difference / CR1 error on G - 1 degrees of freedom (Liang and Zeger 1986).

    seeds: of each model that was trained several times; they add to the error (`training_seeds.widened`).  Without
    variation there is no t; only a difference of exactly 0 (the same answers) then has a p-value, 1.
    """
    from scipy.special import stdtr

    reason = too_few(d) or ("" if math.isfinite(difference.value) else "the difference is not finite")
    error, df = widened(difference.error(d), d.groups, seeds) if not reason else (math.nan, 0.0)
    if not reason and error <= 1e-14 * abs(difference.value):
        reason = "no variation between differences"
    if reason:
        same = difference.value == 0 and d.groups > 1
        return _silent(difference.value, d, reason, p_value=1.0 if same else None)
    t = difference.value / error
    half = critical_t(df) * error
    return PairedTest(
        difference=difference.value,
        error=error,
        statistic=t,
        df=df,
        p_value=2 * float(stdtr(df, -abs(t))),
        low=difference.value - half,
        high=difference.value + half,
        groups=d.groups,
        method=("paired t" if d.groups == d.rows else "paired t(CR1)") + (" over seeds" if seeds else ""),
    )


def _silent(difference: float, d: Design, reason: str, *, p_value: float | None) -> PairedTest:
    return PairedTest(
        difference=difference,
        error=None,
        statistic=None,
        df=max(d.groups - 1, 0),
        p_value=p_value,
        low=None,
        high=None,
        groups=d.groups,
        method=f"none: {reason}",
    )


def sign_flip(differences: Float64s, d: Design, *, seed: int, flips: int = FLIPS) -> float:
    """Two-sided p-value of the hypothesis that cluster totals of differences (n,) are symmetric about 0 (Fisher 1935).

    All 2^G signs up to 16 clusters, an exact test; beyond, `flips` random ones, p = (1 + as extreme) / (1 + flips).
    Studentising would change nothing: a flip leaves the sum of squares as it is.
    """
    if d.groups == 0:
        raise UsageError("no difference to test", cause="there is no sample", fix="give at least one")
    totals = d.totals(d.weights * np.where(d.weights > 0, differences, 0.0))
    seen = abs(float(totals.sum()))
    # Rounding must not make an equal sum a smaller one.
    bar = seen - 1e-12 * float(np.abs(totals).sum())
    if d.groups <= EXACT:
        signs = 1.0 - 2.0 * (np.arange(1 << d.groups)[:, None] >> np.arange(d.groups) & 1)
        return float((np.abs(signs @ totals) >= bar).mean())
    rng = generator(seed, "sign-flip")
    step = max(1, CHUNK // d.groups)
    extreme = 0
    for start in range(0, flips, step):
        signs = rademacher(rng, min(step, flips - start), d.groups)
        extreme += int((np.abs(signs @ totals) >= bar).sum())
    return (1 + extreme) / (1 + flips)


def rademacher(rng: np.random.Generator, rows: int, columns: int) -> Float64s:
    """Signs -1 and 1 with equal probability, (rows, columns)."""
    bits = np.unpackbits(np.frombuffer(rng.bytes(rows * (-(-columns // 8))), np.uint8).reshape(rows, -1), axis=1)
    return np.where(bits[:, :columns] == 1, -1.0, 1.0)
