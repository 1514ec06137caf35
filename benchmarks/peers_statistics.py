"""Tests and intervals of other libraries, to hold bench's against."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.stats.design import design
from bench.stats.intervals import mean
from bench.stats.mcnemar import discordance, mcnemar
from bench.stats.multiplicity import adjusted
from bench.stats.paired import paired_means

Differences = tuple[str, str, list[float]]
SEEDS = range(5)


def pairs() -> Iterator[Differences]:
    """Name, peer, and the difference on each drawn case."""
    yield "Wilson's interval", "statsmodels", [_wilson(hits, n) for hits, n in ((0, 9), (7, 9), (9, 9), (613, 1000))]
    yield "t interval of a mean", "scipy", [_t_interval(seed) for seed in SEEDS]
    yield "paired t", "scipy", [_paired(seed) for seed in SEEDS]
    yield "McNemar, exact", "statsmodels", [_mcnemar(seed) for seed in SEEDS]
    for ours, theirs in (("bonferroni", "bonferroni"), ("holm", "holm"), ("hochberg", "simes-hochberg")):
        yield f"{ours}", "statsmodels", [_correction(ours, theirs, seed) for seed in SEEDS]
    for name in ("bh", "by"):
        yield name, "scipy", [_discovery(name, seed) for seed in SEEDS]


def _wilson(hits: int, n: int) -> float:
    from statsmodels.stats.proportion import proportion_confint

    ends = mean((np.arange(n) < hits).astype(float), design(n), limits=(0, 1)).interval
    low, high = proportion_confint(hits, n, method="wilson")
    return max(abs(_number(ends.low) - low), abs(_number(ends.high) - high))


def _t_interval(seed: int) -> float:
    from scipy.stats import ttest_1samp

    # A symmetric sample: then the correction for skewness is nothing.
    half = np.random.default_rng(seed).normal(size=20)
    values = np.concatenate([half, -half]) + 3
    ends = mean(values, design(40)).interval
    peer = ttest_1samp(values, 0).confidence_interval()
    return max(abs(_number(ends.low) - float(peer.low)), abs(_number(ends.high) - float(peer.high)))


def _paired(seed: int) -> float:
    from scipy.stats import ttest_rel

    first, second = np.random.default_rng(seed).normal(size=(2, 37))
    return abs(_number(paired_means(first, second, design(37)).p_value) - float(ttest_rel(first, second).pvalue))


def _mcnemar(seed: int) -> float:
    from statsmodels.stats.contingency_tables import mcnemar as peer

    rng = np.random.default_rng(seed)
    first, second = rng.random(60) < 0.7, rng.random(60) < 0.6
    table = [[int((x & y).sum()) for y in (second, ~second)] for x in (first, ~first)]
    return abs(mcnemar(discordance(first, second)).exact - float(peer(table, exact=True).pvalue))


def _correction(ours: str, theirs: str, seed: int) -> float:
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(seed).random(20) ** 3
    return float(np.abs(adjusted(p, ours) - multipletests(p, method=theirs)[1]).max())  # type: ignore[arg-type]


def _discovery(name: str, seed: int) -> float:
    from scipy.stats import false_discovery_control

    p = np.random.default_rng(seed).random(20) ** 3
    return float(np.abs(adjusted(p, name) - np.asarray(false_discovery_control(p, method=name))).max())  # type: ignore[arg-type]


def _number(found: float | None) -> float:
    return float("nan") if found is None else found
