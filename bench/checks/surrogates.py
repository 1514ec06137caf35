"""Surrogates where the truth is known: Gaussian chains, linear networks, kernels by hand, minima by calculus."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact, ids, measured
from bench.components import Truth, check
from bench.metrics.mixing import split_r_hat
from bench.metrics.searches import STUDY
from bench.metrics.zones import kl_in, spread_in
from bench.models.bayes.kernels import gp, rbf, surprise
from bench.models.bayes.linearised import Linearised, curvature, jacobian
from bench.models.bayes.networks import Problem, outputs
from bench.models.bayes.processes import Posterior, arc_cosine
from bench.models.bayes.samplers import underdamped
from bench.records import Regression, Searches
from bench.references.optimisation import LANDSCAPES, expected_improvement
from bench.tasks.uncertainty.gap import uncertainty_gap
from bench.tasks.uncertainty.optimisation import spread


@check("uncertainty/underdamped-gaussian", area="uncertainty", source="the chain's stationary law: Lyapunov's equation")
def underdamped_gaussian() -> list[Truth]:
    """Variances of SGHMC's discretised chain on Gaussians of precision 1 and 4, which are not those of the target."""
    import torch
    from scipy.linalg import solve_discrete_lyapunov

    copies, length, step, friction = 20, 2000, 0.1, 0.3
    a = torch.tensor([1.0] * copies + [4.0] * copies, dtype=torch.float64)
    draws = underdamped(
        itertools.repeat(lambda x: 0.5 * (a * x**2).sum()),
        torch.zeros_like(a),
        step,
        friction,
        1,
        length,
        np.random.default_rng(0),
    )[200:]
    out = []
    for k, precision in enumerate((1.0, 4.0)):
        move = np.array([[1 - step * precision, 1 - friction], [-step * precision, 1 - friction]])
        law = solve_discrete_lyapunov(move, 2 * friction * step * np.ones((2, 2)))
        # Squares of a Gaussian sequence have the square of its correlations.
        lags, at = [], law
        for _ in range(200):
            at = move @ at
            lags.append(at[0, 0] / law[0, 0])
        error = law[0, 0] * np.sqrt(2 / (copies * len(draws)) * (1 + 2 * float(np.square(lags).sum())))
        found = float((draws[:, k * copies : (k + 1) * copies] ** 2).mean())
        out.append(Truth(float(law[0, 0]), found, 4 * float(error), f"variance at precision {precision}"))
    return out


@check(
    "uncertainty/laplace-linearised", area="uncertainty", source="Hessians and slopes by differences; linear networks"
)
def laplace_linearised() -> list[Truth]:
    """The Gauss-Newton matrix of a linear classifier is its Hessian, slopes are slopes, a linear network is its own."""
    import torch

    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.standard_normal((20, 2)))
    problem = Problem(rows, torch.from_numpy(rng.integers(0, 3, 20)), (2, 3), classes=True, precision=0.7)
    theta = torch.from_numpy(rng.standard_normal(9))
    hessian = torch.autograd.functional.hessian(problem.energy, theta).numpy()  # type: ignore[no-untyped-call]
    widths, deep = (2, 4, 2), rng.standard_normal(22)
    found, small = jacobian(deep, widths, rows.numpy()), 1e-6
    up, down = (outputs(deep + way * small * np.eye(22), widths, rows.numpy()) for way in (1, -1))
    known = np.moveaxis(up - down, 0, -1) / (2 * small)
    samples = rng.standard_normal((5, 9))
    linear = Linearised("check", {}, 0, 0, 0.7, lambda *_: samples, samples=samples, widths=(2, 3))
    apart = linear.each(rows.numpy()) - outputs(samples[1:], (2, 3), rows.numpy())
    return [
        Truth(0, float(np.abs(curvature(problem, theta.numpy()) - hessian).max()), 1e-9, "curvature, all entries"),
        # Central differences of a piecewise linear function of each weight: exact but for rounding over 2e-6.
        Truth(0, float(np.abs(found - known).max()), 1e-8, "slopes of the outputs"),
        Truth(0, float(np.abs(apart).max()), 1e-12, "a linear network's draws"),
    ]


@check(
    "uncertainty/process-evidence",
    area="uncertainty",
    source="scipy's multivariate normal; Bayesian linear regression in closed form; GaussianProcessRegressor",
    papers=STUDY,
)
def process_evidence() -> list[Truth]:
    """Evidence and forecasts of fitted kernels, and that the kernel of a linear network is linear regression."""
    import torch
    from scipy.stats import multivariate_normal

    from bench.examples import Examples

    rng = np.random.default_rng(2)
    places, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
    kernel = 1.7 * rbf(places, places) + 0.2 * np.eye(12)
    logs = torch.tensor([1.7, 0.2], dtype=torch.float64).log()
    told = float(surprise(torch.from_numpy(places), torch.from_numpy(y), logs))
    # A process without hidden layers: y = b + w'x + e, with variances .1 and 2 / 3 of b and of each w.
    wide = np.concatenate([places, np.ones((12, 1))], axis=1)
    prior, noise = np.array([2 / 3, 2 / 3, 2 / 3, 0.1]), 0.3
    covariance = np.linalg.inv(wide.T @ wide / noise + np.diag(1 / prior))
    at = rng.standard_normal((5, 3))
    wider = np.concatenate([at, np.ones((5, 1))], axis=1)
    process = Posterior.of(arc_cosine(places, places, 0) + noise * np.eye(12), y)
    mean, variance = process.at(arc_cosine(at, places, 0), np.diag(arc_cosine(at, at, 0)))
    model = gp()
    model.fit(Examples(ids=ids(12), inputs=places, targets=y), 0)
    record = Regression(ids=ids(5), y=np.zeros(5), **vars(model.forecast(at)))
    assert record.member_means is not None and record.std is not None  # noqa: S101, PT018 - a process splits its variance
    assert model.scale is not None and model.target is not None  # noqa: S101, PT018
    fitted, x, points = model.process.kernel_, model.scale.apply(places), model.scale.apply(at)
    z = (y - y.mean()) / y.std()
    own = Posterior.of(fitted(x), z)
    mean_z, variance_z = own.at(fitted.k1(points, x), np.diag(fitted.k1(points)))
    return [
        Truth(-float(multivariate_normal(np.zeros(12), kernel).logpdf(y)), told, 1e-9, "evidence of a kernel"),
        Truth(0, _apart(mean, wider @ covariance @ wide.T @ y / noise), 1e-9, "linear kernel: mean"),
        Truth(0, _apart(variance, np.einsum("nd,de,ne->n", wider, covariance, wider)), 1e-9, "linear kernel: variance"),
        Truth(0, _apart(record.mean, y.mean() + y.std() * mean_z), 1e-6, "fitted kernel: mean"),
        Truth(
            0,
            _apart(record.member_means.var(axis=1), y.std() ** 2 * variance_z),
            1e-6,
            "fitted kernel: variance of the function",
        ),
        Truth(
            0,
            _apart(np.square(record.std), y.std() ** 2 * (variance_z + fitted.k2.noise_level)),
            1e-6,
            "fitted kernel: variance of a value",
        ),
    ]


def _alone(function: Callable[[Float64s], Float64s], place: Float64s) -> float:
    return float(function(place[None])[0])


def _apart(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


@check("uncertainty/r-hat", area="uncertainty", source="by hand; its law under independent draws", papers=STUDY)
def r_hat() -> list[Truth]:
    """Four runs by hand; independent draws, of squared R-hat (n - 1) / n + F / n with F of law F(3, 4 (n - 1))."""
    runs = np.array([[0.0, 2.0], [1.0, 3.0], [0.0, 2.0], [3.0, 5.0]])
    # Variance within: 2 each.  Means 1, 2, 1, 4: variance 2.  R-hat² = 1/2 + 2 / 2.
    n, many = 10, 20_000
    draws = np.random.default_rng(0).standard_normal((many, 4 * n))
    freedom = 4 * (n - 1)
    mean = freedom / (freedom - 2)
    variance = 2 * freedom**2 * (3 + freedom - 2) / (3 * (freedom - 2) ** 2 * (freedom - 4))
    squares = split_r_hat(draws) ** 2
    record = Regression(ids=ids(1), y=np.zeros(1), mean=np.zeros(1), std=np.ones(1), member_means=runs.reshape(1, -1))
    return [
        exact(np.sqrt(1.5), measured("r-hat", record), "by hand"),
        Truth((n - 1) / n + mean / n, float(squares.mean()), 4 * np.sqrt(variance / many) / n, "independent draws"),
    ]


@check("uncertainty/gap", area="uncertainty", source="the exact forecast of a Gaussian process", papers=STUDY)
def gap() -> list[Truth]:
    """The exact forecast against itself, and one that is half as wide, whose KL is 3/2 - log 2, in each zone."""
    part = uncertainty_gap(0).split("test")
    assert part.truth is not None and part.dataset is not None  # noqa: S101, PT018
    mean, std = part.truth.T
    known: dict[str, Any] = {
        "ids": part.ids,
        "dataset": part.dataset,
        "y": np.asarray(part.targets),
        "exact_mean": mean,
        "exact_std": std,
    }
    right, half = Regression(**known, mean=mean, std=std), Regression(**known, mean=mean, std=std / 2)
    truths = []
    for zone in np.unique(part.dataset).tolist():
        inside = part.dataset == zone
        truths += [
            Truth(0, float(kl_in(right, zone=zone).values[inside].mean()), 1e-9, f"KL, {zone}"),
            Truth(1.5 - np.log(2), float(kl_in(half, zone=zone).values[inside].mean()), 1e-9, f"KL at half, {zone}"),
            Truth(0.5, float(spread_in(half, zone=zone).values[inside].mean()), 1e-12, f"spread at half, {zone}"),
        ]
    return truths


@check(
    "uncertainty/optimisation",
    area="uncertainty",
    source="Dixon and Szegö 1978 (the functions' minima); quadrature",
    papers=STUDY,
)
def optimisation() -> list[Truth]:
    """The minima against local search and 16,384 spread places, expected improvement by quadrature, regret by hand."""
    from scipy.optimize import minimize

    truths = []
    for name, one in LANDSCAPES.items():
        held = float(np.abs(one.function(one.places) - one.minimum).max())
        ends = [
            minimize(partial(_alone, one.function), place, bounds=[(0, 1)] * one.dim, tol=1e-12).fun
            for place in one.places
        ]
        lowest = float(one.function(spread(one.dim, 1 << 14, 0)).min())
        truths += [
            Truth(0, held, 1e-6, f"{name}: value at the known places"),
            Truth(one.minimum, float(np.min(ends)), 1e-6, f"{name}: where local search ends"),
            Truth(1, float(lowest >= one.minimum), 0, f"{name}: no spread place is lower"),
        ]
    mean, std, best = np.array([0.3, -1.0, 2.0]), np.array([0.5, 1.0, 0.7]), 0.1
    grid = np.linspace(-10, 10, 200_001)
    density = np.exp(-0.5 * ((grid - mean[:, None]) / std[:, None]) ** 2) / (std[:, None] * np.sqrt(2 * np.pi))
    gain = (np.maximum(best - grid, 0.0) * density).sum(axis=1) * (grid[1] - grid[0])
    record = Searches(ids=ids(2), values=np.array([[3.0, 1.0, 2.0], [0.5, 4.0, 0.25]]), minimum=np.zeros(2))
    return [
        *truths,
        Truth(0, _apart(expected_improvement(best, mean, std), gain), 1e-8, "expected improvement"),
        exact((1 + 0.25) / 2, measured("simple-regret", record), "simple regret"),
        exact((5 / 3 + 1.25 / 3) / 2, measured("mean-regret", record), "mean regret"),
    ]
