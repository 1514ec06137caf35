"""Many correlated statistics at once: the largest studentised one, by a multiplier bootstrap on clusters.

Where checks agree with each other (the same items, models of one family) Holm pays for tests that are almost the
same one; the distribution of the maximum does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.design import LEVEL
from bench.stats.paired import rademacher

RESAMPLES = 4999
CHUNK = 1 << 22
Side = Literal["two", "greater", "less"]


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxT:
    """Statistics (K,), adjusted p-values (K,) by step-down, and simultaneous 95 % intervals by the single step.

    side "two": both ends; "greater": only `low` is finite; "less": only `high`.
    """

    errors: Float64s
    statistics: Float64s
    p_values: Float64s
    critical: float
    low: Float64s
    high: Float64s


def max_t(
    values: Float64s,
    totals: Float64s,
    *,
    seed: int,
    null: float | Float64s = 0.0,
    side: Side = "two",
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> MaxT:
    """Are any of K statistics different from (greater than, less than) `null`?

    values: (K,).  totals: (G, K), contributions of each cluster (`Influence.totals`), 0 where a cluster has no part in
    a statistic.  Rademacher signs on clusters, studentised anew in each resample (Cameron, Gelbach and Miller 2008);
    step-down p-values (Westfall and Young 1993, Romano and Wolf 2005).  Family-wise error is held at any correlation.
    """
    psi, errors = centred(totals)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistics = np.where(
            errors > 0, (values - null) / errors, np.where(values == null, 0.0, np.inf * (values - null))
        )
    turned = {"two": np.abs(statistics), "greater": statistics, "less": -statistics}[side]
    order = np.argsort(-turned, kind="stable")
    maxima = _step_down_maxima(psi, order, side, seed, resamples)
    # Column j of the maxima is the greatest among hypotheses j, j + 1, ... in that order.
    p = (1 + (maxima >= turned[order] * (1 - 1e-12)).sum(axis=0)) / (1 + resamples)
    p_values = np.empty(len(values))
    p_values[order] = np.maximum.accumulate(p)
    critical = upper_quantile(maxima[:, 0], level)
    low = values - critical * errors if side != "less" else np.full(len(values), -np.inf)
    high = values + critical * errors if side != "greater" else np.full(len(values), np.inf)
    return MaxT(errors=errors, statistics=statistics, p_values=p_values, critical=critical, low=low, high=high)


def centred(totals: Float64s) -> tuple[Float64s, Float64s]:
    """Cluster totals with mean 0, (G, K), and the CR1 errors of the statistics, (K,)."""
    groups = len(totals)
    if totals.ndim != 2 or groups < 2:
        raise UsageError(
            "no test of one cluster", cause=f"totals are {totals.shape}", fix="give (clusters, statistics)"
        )
    psi = totals - totals.mean(axis=0)
    return psi, np.sqrt(groups / (groups - 1) * (psi**2).sum(axis=0))


def occupied(totals: Float64s) -> Float64s:
    """The rows of totals (G, K) in which some cluster fell, where clusters are put into more folds than there are.

    Empty folds would count as clusters, and make the tails of the resampled statistics too light.
    """
    used = totals[np.any(totals != 0, axis=1)]
    return used if len(used) > 1 else totals


def upper_quantile(draws: Float64s, level: float) -> float:
    """The ceil(level (B + 1))-th smallest of B draws: with it a test on B resamples is exact; infinite beyond."""
    rank = int(np.ceil(level * (len(draws) + 1) - 1e-9))
    return float(np.partition(draws, rank - 1)[rank - 1]) if rank <= len(draws) else float("inf")


def resampled(psi: Float64s, seed: int, resamples: int, use: Callable[[Float64s], Float64s]) -> Float64s:
    """`use` of signed sums (B, K), chunk by chunk, joined: sum over clusters of sign times contribution."""
    rng = generator(seed, "max-t")
    step = max(1, CHUNK // max(psi.shape))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([use(rademacher(rng, size, len(psi)) @ psi) for size in sizes])


def studentised(sums: Float64s, squares: Float64s, groups: int) -> Float64s:
    """Signed sums over their own CR1 error; squares: the sum of squared contributions, which signs leave alone."""
    variance = groups / (groups - 1) * (squares - sums**2 / groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        # All clusters with one sign and one size: no variance, an infinite t; no contribution at all: t = 0.
        return np.where(squares > 0, sums / np.sqrt(np.maximum(variance, 0.0)), 0.0)


def _step_down_maxima(psi: Float64s, order: Ints, side: Side, seed: int, resamples: int) -> Float64s:
    squares, groups = (psi**2).sum(axis=0), len(psi)

    def maxima(sums: Float64s) -> Float64s:
        t = studentised(sums, squares, groups)
        t = {"two": np.abs, "greater": np.positive, "less": np.negative}[side](t)
        return np.maximum.accumulate(t[:, order][:, ::-1], axis=1)[:, ::-1]

    return resampled(psi, seed, resamples, maxima)
