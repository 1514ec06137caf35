from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from bench.capabilities import LogDensity
from bench.errors import EvaluationError, UsageError
from bench.estimators import ode
from bench.estimators.diffusion import denoised_score, diffusion, probability_flow
from bench.estimators.flow import Integration, jacobian_products, log_density, standard_normal
from bench.estimators.interpolants import Interpolant
from bench.references import diffused
from bench.references.mixtures import ring, scattered


def bent(t: torch.Tensor, y: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    return torch.stack([y[:, 1], -y[:, 0] - 0.3 * y[:, 1] * (t + 1)], dim=1)


def test_adaptive_solver_agrees_with_scipy() -> None:
    start = torch.tensor([[1.0, 0.0], [0.2, -3.0], [5.0, 1.0]], dtype=torch.float64)
    found = ode.adaptive(bent, start, (0.0, 2.0), 2, 1e-9)
    for y0, y in zip(start, found.state, strict=True):
        theirs = solve_ivp(
            lambda t, y: [y[1], -y[0] - 0.3 * y[1] * (t + 1)], (0, 2), y0.numpy(), rtol=1e-11, atol=1e-11
        )
        np.testing.assert_allclose(y, theirs.y[:, -1], atol=1e-7)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2), ("rk4", 4)])
def test_fixed_solvers_are_of_their_order(solver: str, order: int) -> None:
    start = torch.tensor([[1.0, 0.5]], dtype=torch.float64)
    true = ode.adaptive(bent, start, (0.0, 2.0), 2, 1e-12).state
    wrong = [float((ode.fixed(bent, start, (0.0, 2.0), 2, solver, k).state - true).abs().max()) for k in (40, 80)]
    assert np.log2(wrong[0] / wrong[1]) == pytest.approx(order, abs=0.15)


def test_an_answer_does_not_depend_on_the_batch() -> None:
    rows = ring().sample(6, np.random.default_rng(0))
    sde = diffusion("vp")
    velocity = probability_flow(diffused.score(ring(), sde), sde)
    for how in (Integration(), Integration(divergence="hutchinson", probes=2)):
        whole = log_density(velocity, rows, (sde.start, sde.end), standard_normal(), how)
        alone = [log_density(velocity, rows[[i]], (sde.start, sde.end), standard_normal(), how) for i in range(2)]
        np.testing.assert_allclose(whole.log_prob[:2], [a.log_prob[0] for a in alone], atol=1e-9)
        np.testing.assert_array_equal(np.asarray(whole.evaluations)[:2], [np.asarray(a.evaluations)[0] for a in alone])


def test_a_field_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ode, "MOST_STEPS", 200)
    with pytest.raises(EvaluationError, match="cannot be integrated"):
        ode.adaptive(lambda _t, y, _: y**2, torch.ones(1, 1, dtype=torch.float64), (0.0, 2.0), 1, 1e-6)


def test_jacobian_products_are_the_trace() -> None:
    def velocity(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[:, 0] ** 2 * x[:, 1], torch.sin(x[:, 1]) + t], dim=1)

    x = torch.tensor([[1.0, 2.0], [-0.5, 0.3]], dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)[:, None, :].expand(2, 2, 2)
    moved, products = jacobian_products(velocity, x, torch.zeros(2, dtype=torch.float64), eye)
    np.testing.assert_allclose(moved, velocity(x, torch.zeros(2)))
    np.testing.assert_allclose(products.sum(dim=0), 2 * x[:, 0] * x[:, 1] + torch.cos(x[:, 1]))


def test_what_kind_of_likelihood_it_is() -> None:
    rows = ring().sample(4, np.random.default_rng(1))
    velocity = diffused.velocity(ring(), Interpolant())

    def asked(**how: Any) -> LogDensity:
        return log_density(velocity, rows, (1.0, 0.0), standard_normal(), Integration(**how))

    exact, probed, stepped = asked(), asked(divergence="hutchinson"), asked(solver="rk4", steps=20)
    assert [a.likelihood for a in (exact, probed, stepped)] == ["exact", "estimate", "estimate"]
    assert (exact.mc_error, stepped.solver_error) == (None, None)
    assert stepped.tolerance == 0
    np.testing.assert_array_equal(np.asarray(stepped.evaluations), 80)
    assert probed.mc_error is not None
    assert (probed.mc_error > 0).all()
    assert "8 Hutchinson probes" in probed.estimator


def test_score_and_velocity_are_gradient_and_conditional_mean() -> None:
    mixture, sde = scattered(3), diffusion("subvp")
    score = diffused.score(mixture, sde)
    held = diffused.Diffused(mixture)
    x = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    t = torch.linspace(0.05, 0.9, 7, dtype=torch.float64)
    alpha, sigma = sde.marginal(t)
    means, covariances = torch.as_tensor(mixture.means), torch.as_tensor(mixture.covariances)
    logs = torch.stack(
        [
            torch.distributions.MultivariateNormal(
                alpha[:, None] * m, alpha[:, None, None] ** 2 * c + sigma[:, None, None] ** 2 * torch.eye(3)
            ).log_prob(x)  # type: ignore[no-untyped-call]
            for m, c in zip(means, covariances, strict=True)
        ]
    ).logsumexp(dim=0)
    np.testing.assert_allclose(score(x, t).detach(), torch.autograd.grad(logs.sum(), x)[0], rtol=1e-9)
    assert held.logs.shape == (4,)
    # The conditional mean by regression: among simulated pairs, E[f(x_t) (dx_t/dt - v(x_t))] is 0.
    draws = np.random.default_rng(0)
    noise, latent = draws.standard_normal((2, 100_000, 3))
    data = mixture.sample(100_000, draws)
    time = 0.4
    c = Interpolant("bridge").at(torch.tensor([time]))
    gamma = float(c.gamma_square) ** 0.5
    at = (1 - time) * noise + time * data + gamma * latent
    way = data - noise + float(c.gamma_square_slope) / (2 * gamma) * latent
    v = diffused.velocity(mixture, Interpolant("bridge"))(torch.as_tensor(at), torch.full((100_000,), time))
    terms = (way - v.numpy())[:, :, None] * np.concatenate([at, at**2], axis=1)[:, None, :]
    z = terms.mean(axis=0) / terms.std(axis=0) * len(at) ** 0.5
    assert np.abs(z).max() < 4.5


def test_tweedie_turns_a_denoiser_into_the_score() -> None:
    sde = diffusion("vp")
    score = diffused.score(ring(), sde)

    def denoiser(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        alpha, sigma = sde.marginal(t)
        return (x + sigma[:, None] ** 2 * score(x, t)) / alpha[:, None]

    x, t = torch.randn(5, 2, dtype=torch.float64), torch.linspace(0.1, 0.9, 5, dtype=torch.float64)
    np.testing.assert_allclose(denoised_score(denoiser, sde)(x, t), score(x, t), rtol=1e-9)


@pytest.mark.parametrize("wrong", [{"solver": "rk23"}, {"tolerance": 0.0}, {"divergence": "some"}, {"probes": 0}])
def test_wrong_integrations_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be followed"):
        Integration(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no diffusion"):
        diffusion("vpsde")
