from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.errors import UsageError
from bench.stats.proxies import audit, correlate
from tests.stats.simulated import noise


def test_correlations_are_scipys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 25).astype(float), rng.integers(0, 6, 25).astype(float)  # with ties
    for kind, peer in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr), ("kendall", stats.kendalltau)):
        assert correlate(x[None], y[None], kind)[0] == pytest.approx(peer(x, y)[0])  # type: ignore[arg-type]


def test_permutation_by_enumeration() -> None:
    import itertools

    x, y = np.array([1.0, 2, 4, 7, 8, 3]), np.array([2.0, 1, 3, 9, 5, 4])
    seen = abs(np.corrcoef(x, y)[0, 1])
    every = np.array([abs(np.corrcoef(x, p)[0, 1]) for p in itertools.permutations(y)])
    truth = float((every >= seen - 1e-12).mean())
    found = audit(x, y, seed=0, resamples=4999).of("pearson")
    assert found.p_value == pytest.approx(truth, abs=noise(truth, 4999))


def test_regret_top_and_warning() -> None:
    proxy = np.arange(10.0)
    monotone = audit(proxy, np.exp(proxy), seed=0)
    assert (monotone.regret, monotone.top, monotone.warning) == (0.0, 1.0, False)
    assert monotone.of("spearman").value == pytest.approx(1.0)
    # Better on the whole, but the best by proxy is the worst of the good ones.
    target = np.array([0, 1, 2, 3, 4, 9, 8, 7, 6, 5.0])
    turned = audit(proxy, target, seed=0)
    assert (turned.regret, turned.top) == (4.0, -1.0)
    assert turned.warning
    with pytest.raises(UsageError):
        audit(np.zeros(5), np.arange(5.0), seed=0)


def test_weights_choose_the_samples() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(8, 50))
    target = table[:, :10].mean(axis=1)
    weights = (np.arange(50) < 10).astype(float)
    assert audit(table, target, seed=0, weights=weights).of("pearson").value == pytest.approx(1.0)
    assert audit(table, target, seed=0).of("pearson").value < 0.99


def test_better_models_that_control_worse() -> None:
    # One-step control of s' = a s + b u with the gain that a model (a_hat, b_hat) thinks right, u = -(a_hat / b_hat) s:
    # the cost is ((a - b a_hat / b_hat) s)^2.  Errors that keep the ratio cost nothing, smaller ones that don't do.
    a, b = 1.2, 0.8
    errors = np.linspace(0.02, 0.4, 8)
    a_hat, b_hat = np.r_[a * (1 + errors), np.full(8, a)], np.r_[b * (1 + errors), b * (1 - errors / 2)]
    likelihood = -0.5 * ((a_hat - a) ** 2 + (b_hat - b) ** 2)
    cost = (a - b * a_hat / b_hat) ** 2
    found = audit(likelihood, -cost, seed=0)
    assert found.warning
    assert found.regret > 0
    assert cost[:8] == pytest.approx(np.zeros(8), abs=1e-15)


def test_sizes_and_coverage() -> None:
    rng = np.random.default_rng(2)
    rejected = held = 0
    for i in range(200):
        x = rng.normal(size=25)
        rejected += audit(x, rng.normal(size=25), seed=i, resamples=199).of("pearson").p_value <= 0.05
        y = 0.6 * x + 0.8 * rng.normal(size=25)
        found = audit(x, y, seed=i, resamples=199).of("pearson")
        held += found.low <= 0.6 <= found.high
    assert rejected / 200 == pytest.approx(0.05, abs=noise(0.05, 200))
    assert held / 200 > 0.88
