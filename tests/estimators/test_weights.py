from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto

from bench.estimators.weights import generalised_pareto, log_mean_exp, pareto_k, weighed


@pytest.mark.parametrize("shape", [-0.3, 0.2, 0.7, 1.2])
def test_tail_shapes_are_those_of_pyro(shape: float) -> None:
    stats = pytest.importorskip("pyro.ops.stats")
    torch = pytest.importorskip("torch")
    excesses = np.sort(genpareto.rvs(shape, size=(4, 300), random_state=1), axis=1)
    theirs = [float(stats.fit_generalized_pareto(torch.tensor(row))[0]) for row in excesses]
    np.testing.assert_allclose(generalised_pareto(excesses), theirs, rtol=1e-9)


def test_tail_shape_is_found() -> None:
    logs = np.log(genpareto.rvs(0.9, size=(40, 20_000), random_state=2))
    # 600 tail points: the shape's standard error is about (1 + k) / sqrt(600) = .08 a row, .012 for 40.
    assert pareto_k(logs).mean() == pytest.approx(0.9, abs=0.05)


def test_log_mean_error_and_effective_size_follow_their_definitions() -> None:
    weights = np.random.default_rng(0).gamma(2.0, size=(5, 400))
    found = weighed(np.log(weights) - 800.0)  # exp would vanish
    mean = weights.mean(axis=1)
    np.testing.assert_allclose(found.log_mean, np.log(mean) - 800.0, rtol=1e-12)
    np.testing.assert_allclose(found.error, weights.std(axis=1, ddof=1) / mean / 20, rtol=1e-9)
    np.testing.assert_allclose(found.ess, weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1), rtol=1e-9)


def test_bias_is_what_the_logarithm_takes() -> None:
    draws = np.random.default_rng(1).gamma(4.0, 0.25, size=(200_000, 20))  # mean 1, variance 1/4
    lost = -log_mean_exp(np.log(draws))
    assert lost.mean() == pytest.approx(0.25 / 40, abs=4.5 * lost.std() / np.sqrt(len(draws)) + 0.25 / 400)
    assert np.median(weighed(np.log(draws[:2000])).bias) == pytest.approx(0.25 / 40, rel=0.2)


def test_equal_weights_leave_nothing_to_doubt() -> None:
    found = weighed(np.full((2, 50), -3.0))
    np.testing.assert_array_equal(found.log_mean, -3.0)
    np.testing.assert_array_equal((found.error, found.pareto_k), [[0.0, 0.0], [-1.0, -1.0]])
    np.testing.assert_array_equal(found.ess, 50.0)


def test_impossible_rows_have_no_weight() -> None:
    found = weighed(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]))
    np.testing.assert_array_equal(found.log_mean, [-np.inf, -np.log(2)])
    np.testing.assert_array_equal(found.ess, [0.0, 1.0])
