from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench.conformal.thresholds import (
    Weighted,
    by_class,
    clopper_pearson,
    order,
    pac_errors,
    pac_threshold,
    threshold,
)
from bench.errors import UsageError


@given(st.integers(0, 3000), st.integers(1, 999))
def test_the_rank_is_that_of_exact_arithmetic(n: int, thousandths: int) -> None:
    exact = math.ceil((n + 1) * (1 - Fraction(thousandths, 1000)))
    assert order(n, thousandths / 1000) == exact


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=80), st.floats(0.01, 0.99))
def test_thresholds_are_order_statistics(values: list[int], alpha: float) -> None:
    scores = np.array(values, dtype=float)
    k = order(len(scores), alpha)
    expected = sorted(values)[k - 1] if k <= len(values) else math.inf
    assert threshold(scores, alpha) == expected
    assert Weighted.of(scores, alpha).at(np.ones(3)).tolist() == [expected] * 3
    if k <= len(values):
        level = min(1.0, k / len(values))
        assert threshold(scores, alpha) == np.quantile(scores, level, method="inverted_cdf")


def test_naive_quantiles_would_cover_less() -> None:
    # Exchangeable ranks: the k-th of n smallest bounds the next with probability k / (n + 1), exactly.
    assert order(9, 0.1) / 10 == 0.9
    assert order(19, 0.1) / 20 == 0.9
    assert threshold(np.arange(8.0), 0.1) == math.inf


def test_coverage_given_the_calibration_sample_is_beta() -> None:
    n, k = 99, order(99, 0.1)
    rng = np.random.default_rng(0)
    covered = np.array([threshold(rng.random(n), 0.1) for _ in range(3000)])
    assert stats.kstest(covered, stats.beta(k, n + 1 - k).cdf).pvalue > 1e-4


def test_weights_are_repetitions_of_scores() -> None:
    rng = np.random.default_rng(0)
    scores, counts = rng.normal(size=60), rng.integers(0, 4, 60)
    repeated = np.repeat(scores, counts)
    for alpha in (0.05, 0.1, 0.37):
        assert Weighted.of(scores, alpha, counts.astype(float)).at(np.ones(1))[0] == threshold(repeated, alpha)


def test_weighted_thresholds_cover_under_a_known_shift() -> None:
    # x ~ N(0, 1) at calibration, N(1, 1) at test: likelihood ratio exp(x - 1/2); scores spread with x.
    rng = np.random.default_rng(1)
    rates = {True: [], False: []}  # type: ignore[var-annotated]
    for _ in range(300):
        x, t = rng.normal(size=200), rng.normal(1, 1, 50)
        s, new = np.abs(rng.normal(size=200)) * np.exp(x / 2), np.abs(rng.normal(size=50)) * np.exp(t / 2)
        for weighted, shares in rates.items():
            w = (np.exp(x - 0.5), np.exp(t - 0.5)) if weighted else (np.ones(200), np.ones(50))
            shares.append((new <= Weighted.of(s, 0.1, w[0]).at(w[1])).mean())
    assert np.mean(rates[True]) >= 0.9 - 4.5 * np.std(rates[True]) / math.sqrt(300)
    assert np.mean(rates[False]) < 0.86


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_shares_outside_zero_and_one_are_refused(alpha: float) -> None:
    with pytest.raises(UsageError, match="alpha"):
        threshold(np.zeros(3), alpha)


def test_classes_have_thresholds_of_their_own() -> None:
    labels = np.repeat([0, 1], [19, 5])
    limits = by_class(np.arange(24.0), labels, 3, 0.1)
    assert limits.tolist() == [17.0, math.inf, math.inf]


@pytest.mark.parametrize("n", [0, 1, 28, 29, 100, 5000])
@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.3])
def test_pac_errors_against_scipy(n: int, epsilon: float) -> None:
    k = pac_errors(n, epsilon, 0.05)
    if k >= 0:
        assert stats.binom.cdf(k, n, epsilon) <= 0.05
        assert clopper_pearson(k, n, 0.05) <= epsilon + 1e-12
        peer = stats.binomtest(k, n).proportion_ci(0.9, method="exact").high  # two-sided 90 %: one-sided 95 %
        assert clopper_pearson(k, n, 0.05) == pytest.approx(peer)
    assert n == 0 or stats.binom.cdf(k + 1, n, epsilon) > 0.05


def test_pac_thresholds_leave_out_what_they_may() -> None:
    scores = np.random.default_rng(0).random(200)
    k = pac_errors(200, 0.1, 0.05)
    assert (scores > pac_threshold(scores, 0.1, 0.05)).sum() == k
    assert pac_threshold(np.zeros(200), 0.1, 0.05) == 0
