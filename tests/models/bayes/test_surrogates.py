"""Surrogates: linearised Laplace, friction, exact and deep kernels, chains that share the draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.errors import UsageError
from bench.examples import Examples
from bench.models.bayes import samplers
from bench.models.bayes.deep_kernel import deep_kernel
from bench.models.bayes.kernels import gp
from bench.models.bayes.networks import outputs
from bench.models.bayes.posteriors import hmc, laplace_linearised
from bench.models.bayes.processes import nngp


def line(n: int = 40, noise: float = 0.1) -> Examples:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-2, 2, (n, 2))
    targets = 10 + 5 * inputs[:, 0] - inputs[:, 1] + 5 * noise * rng.standard_normal(n)
    return Examples(ids=np.arange(n).astype(str), inputs=inputs, targets=targets)


@pytest.mark.parametrize("model", [gp(), deep_kernel(hidden=8, steps=60), nngp()], ids=["gp", "deep-kernel", "nngp"])
def test_processes_split_their_variance_and_widen_away_from_the_data(model: Any) -> None:
    data = line()
    model.fit(data, 0)
    near, far = (model.forecast(scale * np.asarray(data.inputs)) for scale in (1, 20))
    parts = near.member_means.var(axis=1) + (near.member_stds**2).mean(axis=1)
    np.testing.assert_allclose(near.std**2, parts, rtol=1e-9)
    np.testing.assert_allclose(near.member_means.mean(axis=1), near.mean, rtol=1e-12)
    assert np.abs(near.mean - np.asarray(data.targets)).mean() < 1.0
    assert far.member_means.std(axis=1).mean() > 2 * near.member_means.std(axis=1).mean()
    model.fit(data, 0)
    np.testing.assert_array_equal(model.forecast(np.asarray(data.inputs)).mean, near.mean)


def test_linearised_outputs_are_gaussian_where_the_networks_own_are_not() -> None:
    model, data = laplace_linearised(hidden=8, draws=400, epochs=25), line()
    model.fit(data, 0)
    assert model.scale is not None
    assert model.samples is not None
    assert len(model.samples) == 401
    rows = model.scale.apply(np.asarray(data.inputs))
    theta, draws = model.samples[0], model.samples[1:]
    # To first order in the step the two ways agree; the mean of the linear one is the optimum's answer.
    near = theta + 1e-6 * (draws - theta)
    model.samples = np.vstack([theta, near])
    apart = model.each(rows) - outputs(near, model.widths, rows)
    assert np.abs(apart).max() < 1e-7
    assert model.forecast(np.asarray(data.inputs)).member_means is not None


def test_chains_share_the_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Any] = []
    real = samplers.hamiltonian

    def watched(*given: Any, **named: Any) -> Any:
        begun.append(given)
        return real(*given, **named)

    monkeypatch.setattr(samplers, "hamiltonian", watched)
    model = hmc(hidden=3, draws=6, burn=5, leaps=3, thin=1, chains=2)
    model.fit(line(), 0)
    assert model.samples is not None
    assert [given[2] for given in begun] == [3, 3]
    assert not np.array_equal(begun[0][1].numpy(), begun[1][1].numpy())
    with pytest.raises(UsageError, match="share 30 draws among 4"):
        hmc(chains=4)


def test_a_chain_that_refuses_most_proposals_says_so() -> None:
    with pytest.warns(UserWarning, match="accepted 0.00 of its proposals"):
        # No proposal to tune the step by, and leaps too long for so many rows.
        hmc(hidden=3, draws=4, burn=0, leaps=10, thin=1).fit(line(1500, 1e-3), 0)
