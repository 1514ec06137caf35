"""Simulators of the SBI benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, truncnorm

from bench.components import Task
from bench.errors import UsageError
from bench.models.posteriors import reference_posterior
from bench.records import Posterior
from bench.references.sbi_benchmark import SIMULATORS, Slcp
from bench.registry import find
from bench.runners.ask import ask
from bench.tasks.likelihood.simulators import likelihood_sbibm


def test_the_box_s_posterior_is_a_cut_off_normal() -> None:
    simulator = SIMULATORS["gaussian-linear-uniform"]
    observed = np.full((1, 10), 0.9)
    theirs = truncnorm((-1 - 0.9) / 0.1**0.5, (1 - 0.9) / 0.1**0.5, loc=0.9, scale=0.1**0.5)
    at = np.linspace(-0.5, 1, 10)
    found = simulator.log_posterior(observed, at[None, None])
    np.testing.assert_allclose(found, [[theirs.logpdf(at).sum()]], rtol=1e-10)
    drawn = simulator.posterior(observed[0], 4000, np.random.default_rng(0))
    assert np.abs(drawn.mean(axis=0) - theirs.mean()).max() < 4.5 * theirs.std() / 4000**0.5
    assert np.isneginf(simulator.log_posterior(observed, np.full((1, 1, 10), 1.01)))


def test_slcp_s_likelihood_is_scipy_s() -> None:
    simulator, theta = Slcp(), np.array([0.7, -2.9, -1.0, -0.9, 0.6])
    x = simulator.simulate(theta[None], np.random.default_rng(0))
    s1, s2, rho = 1.0, 0.81, np.tanh(0.6)
    covariance = np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]]) + 1e-6 * np.eye(2)
    expected = multivariate_normal(theta[:2], covariance).logpdf(x.reshape(4, 2)).sum()
    np.testing.assert_allclose(simulator.log_likelihood(x, theta[None, None]), [[expected]], rtol=1e-9)


@pytest.mark.parametrize("name", ["gaussian-mixture", "two-moons"])
def test_the_reference_posterior_has_no_excess(name: str) -> None:
    examples = likelihood_sbibm(0, simulator=name).split("test").take(np.arange(20))
    record = ask(reference_posterior(name), find(Task, "likelihood/sbibm"), None, examples, 0).record
    assert isinstance(record, Posterior)
    assert record.truth is not None
    np.testing.assert_allclose(record.log_prob, record.truth)
    assert record.prior_entropy == pytest.approx(SIMULATORS[name].prior_entropy)
    alone = ask(reference_posterior(name), find(Task, "likelihood/sbibm"), None, examples.take(np.array([3])), 0).record
    assert isinstance(alone, Posterior)
    np.testing.assert_array_equal(alone.ranks[0], record.ranks[3])


def test_unknown_simulators_are_refused() -> None:
    with pytest.raises(UsageError, match="no simulator"):
        likelihood_sbibm(0, simulator="two-suns")
    with pytest.raises(UsageError, match="does not know this simulator"):
        reference_posterior("slcp").log_posterior(np.zeros((2, 2)), np.zeros((2, 1, 5)))
