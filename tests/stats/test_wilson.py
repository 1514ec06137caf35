from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from bench.arrays import Float64s
from bench.stats.design import Design, design
from bench.stats.intervals import mean
from bench.stats.wilson import wilson


def _ends(values: Float64s, d: Design) -> tuple[float, float, str]:
    found = mean(values, d, limits=(0, 1)).interval
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high, found.method


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (1, 30), (27, 30), (700, 1000)])
def test_parity_with_statsmodels(hits: int, n: int) -> None:
    values = (np.arange(n) < hits).astype(float)
    low, high, method = _ends(values, design(n))
    assert (low, high) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)
    assert method == "wilson"


def test_ends_are_exact_at_zero_and_one() -> None:
    assert wilson(0.0, 7, 1.96)[0] == 0.0
    assert wilson(1.0, 7, 1.96)[1] == 1.0


def test_coverage_by_enumeration() -> None:
    n, p = 30, 0.9
    covered = 0.0
    for k in range(n + 1):
        low, high, _ = _ends((np.arange(n) < k).astype(float), design(n))
        covered += math.comb(n, k) * p**k * (1 - p) ** (n - k) * (low <= p <= high)
    assert covered == pytest.approx(0.974, abs=5e-4)  # Agresti and Coull's figure for n = 30, p = .9


def test_repeated_rows_count_once() -> None:
    # Ten clusters of ten equal rows hold what ten rows hold, but for the t quantile and G / (G - 1).
    once = (np.arange(10) < 7).astype(float)
    groups = np.repeat(np.arange(10), 10).astype(str)
    low, high, method = _ends(np.repeat(once, 10), design(100, groups=groups))
    assert method == "wilson, design effect 11.1"
    plain = wilson(0.7, 9, 2.2621571628540993)
    assert (low, high) == pytest.approx(plain, abs=1e-9)


def test_independent_rows_in_named_clusters_of_one_are_plain() -> None:
    values = (np.arange(20) < 7).astype(float)
    assert _ends(values, design(20, groups=np.arange(20).astype(str))) == _ends(values, design(20))


def test_all_right_in_clusters_counts_clusters() -> None:
    groups = np.repeat(np.arange(5), 20).astype(str)
    low, high, method = _ends(np.ones(100), design(100, groups=groups))
    assert (low, high) == pytest.approx((wilson(1.0, 5, 2.7764451051977987)[0], 1.0))
    assert method == "wilson, design effect 20.0"


def test_clusters_that_agree_promise_no_more_than_independence() -> None:
    values = np.tile([0.0, 1.0], 20)
    groups = np.repeat(np.arange(20), 2).astype(str)
    low, high, method = _ends(values, design(40, groups=groups))
    assert method == "wilson, design effect 1.0"
    assert high - low > proportion_confint(20, 40, method="wilson")[1] - proportion_confint(20, 40, method="wilson")[0]


def test_unequal_weights_widen() -> None:
    rng = np.random.default_rng(0)
    values = (rng.random(400) < 0.5).astype(float)
    weights = rng.exponential(size=400)
    low, high, method = _ends(values, design(400, weights=weights))
    kish = weights.sum() ** 2 / (weights**2).sum()
    p = float(weights @ values / weights.sum())
    expected = wilson(p, kish, 1.96)
    assert high - low == pytest.approx(expected[1] - expected[0], rel=0.1)
    assert method.startswith("wilson, design effect")
    assert _ends(values, design(400, weights=np.full(400, 3.0))) == _ends(values, design(400))
