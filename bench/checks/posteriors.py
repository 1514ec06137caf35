"""Approximate posteriors where the true one is known: Gaussians, linear models, urns, wide networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import Truth, check
from bench.metrics.ensembles import aleatoric_variance, epistemic_variance
from bench.models.bayes.bottleneck import rate
from bench.models.bayes.laplace import curvature
from bench.models.bayes.networks import Problem, outputs
from bench.models.bayes.processes import Posterior, arc_cosine, conditioned
from bench.models.bayes.samplers import gaussian_of, hamiltonian, langevin, masked
from bench.models.bayes.urns import normal_futures, polya_futures
from bench.records import Regression

WIDTHS = (3, 1)


def _linear() -> tuple[Float64s, Float64s, float]:
    """Rows (40, 4) with a one for the bias, targets (40,), and the noise's variance."""
    rng = np.random.default_rng(5)
    rows = np.concatenate([rng.standard_normal((40, 3)), np.ones((40, 1))], axis=1)
    return rows, rows @ [1.0, -0.5, 0.2, 0.3] + 0.5 * rng.standard_normal(40), 0.25


@check(
    "uncertainty/linear-posterior",
    area="uncertainty",
    source="Bayesian linear regression: prior N(0, 1), known noise, posterior in closed form",
    papers=("A Study of Bayesian Neural Network Surrogates for Bayesian Optimization",),
)
def linear_posterior() -> list[Truth]:
    """Hamiltonian Monte Carlo's mean and covariance, and the split of the forecast's variance into its two parts."""
    import torch

    rows, y, noise = _linear()
    precision = rows.T @ rows / noise + np.eye(4)
    covariance = np.linalg.inv(precision)
    mean = covariance @ rows.T @ y / noise
    x, t = torch.from_numpy(rows), torch.from_numpy(y)

    def energy(theta: Any) -> Any:
        return ((t - x @ theta) ** 2).sum() / (2 * noise) + 0.5 * (theta**2).sum()

    draws, accepted = hamiltonian(energy, torch.zeros(4, dtype=torch.float64), 2000, 100, 3, 0, step=0.05)
    points = np.random.default_rng(6).standard_normal((50, 4))
    means = points @ draws.T
    record = Regression(
        ids=np.arange(50).astype(str),
        y=np.zeros(50),
        mean=means.mean(axis=1),
        std=np.sqrt(means.var(axis=1) + noise),
        member_means=means,
        member_stds=np.full(means.shape, np.sqrt(noise)),
    )
    epistemic = np.einsum("nd,de,ne->n", points, covariance, points).mean()
    std = np.sqrt(np.diag(covariance))
    return [
        Truth(0, float(np.abs((draws.mean(axis=0) - mean) / std).max()), 0.09, "means, in posterior deviations"),
        Truth(0, float(np.abs(draws.std(axis=0) / std - 1).max()), 0.08, "deviations, relative"),
        Truth(1, float(accepted > 0.6), 0, f"{accepted:.2f} of the proposals accepted"),
        Truth(epistemic, float(epistemic_variance(record).values.mean()), 0.12 * epistemic, "epistemic variance"),
        Truth(noise, float(aleatoric_variance(record).values.mean()), 1e-9, "aleatoric variance"),
    ]


@check("uncertainty/langevin-gaussian", area="uncertainty", source="the stationary law of the discretised chain")
def langevin_gaussian() -> list[Truth]:
    """Of precisions 1 and 4 at step .2 the chain's variances are 1 / (a (1 - .05 a)), not 1 / a."""
    import torch

    copies = 20
    a = torch.tensor([1.0] * copies + [4.0] * copies, dtype=torch.float64)
    draws = langevin(lambda x: 0.5 * (a * x**2).sum(), torch.zeros_like(a), 0.2, 4000, 1, 100, 0)
    out = []
    for k, precision in enumerate((1.0, 4.0)):
        known = 1 / (precision * (1 - 0.05 * precision))
        # Of an AR(1) chain of coefficient c, the squares' correlation is c^2 a step.
        c = 1 - 0.1 * precision
        error = known * np.sqrt(2 / (copies * len(draws)) * (1 + c**2) / (1 - c**2))
        out.append(
            Truth(
                known,
                float((draws[:, k * copies : (k + 1) * copies] ** 2).mean()),
                4 * float(error),
                f"variance at precision {precision}",
            )
        )
    return out


@check("uncertainty/dropout-variance", area="uncertainty", source="variance of a sum with terms left out at random")
def dropout_variance() -> list[Truth]:
    """A hidden layer of ones with weights w: left out with p, the mean stays, the variance is p / (1 - p) sum w^2."""
    w = np.array([1.0, -2.0, 0.5, 1.5])
    theta = np.concatenate([np.zeros(4), np.ones(4), w, [0.3]])  # 1 input, 4 units that are all 1, 1 output
    samples = masked(theta, (1, 4, 1), 0.2, 20_000, 0)
    found = outputs(samples, (1, 4, 1), np.zeros((1, 1)))[:, 0, 0]
    variance = 0.25 * float((w**2).sum())
    return [
        Truth(1.3, float(found.mean()), 4 * float(np.sqrt(variance / len(found))), "mean"),
        Truth(variance, float(found.var()), 0.05 * variance, "variance"),
    ]


@check("uncertainty/swag-moments", area="uncertainty", source="Maddox et al. 2019: half diagonal, half low-rank")
def swag_moments() -> list[Truth]:
    """Mean and covariance of many draws against those that the path prescribes."""
    rng = np.random.default_rng(0)
    path = rng.standard_normal((12, 3)) @ np.array([[1.0, 0.5, 0], [0, 1, 0.2], [0, 0, 0.3]]) + [1, 2, 3]
    draws = gaussian_of(path, 6, 40_000, 0)
    off = path[-6:] - path.mean(axis=0)
    known = np.diag(path.var(axis=0)) / 2 + off.T @ off / (2 * 5)
    scale = np.sqrt(np.outer(np.diag(known), np.diag(known)))
    return [
        Truth(0, float(np.abs(draws.mean(axis=0) - path.mean(axis=0)).max()), 0.03, "mean"),
        Truth(0, float(np.abs((np.cov(draws.T) - known) / scale).max()), 0.03, "covariance, relative"),
    ]


@check("uncertainty/laplace-last-layer", area="uncertainty", source="the Hessian of cross-entropy, by differences")
def laplace_last_layer() -> list[Truth]:
    """The Gauss-Newton matrix of a linear classifier is its Hessian; that of a linear-Gaussian mean is X'X / s^2."""
    import torch

    rng = np.random.default_rng(1)
    rows = torch.from_numpy(rng.standard_normal((20, 2)))
    problem = Problem(rows, torch.from_numpy(rng.integers(0, 3, 20)), (2, 3), classes=True, precision=0.7)
    theta = torch.from_numpy(rng.standard_normal(9))
    hessian = torch.autograd.functional.hessian(problem.energy, theta).numpy()  # type: ignore[no-untyped-call]
    forecast = Problem(rows, torch.from_numpy(rng.standard_normal(20)), (2, 2), classes=False, precision=0.7)
    found = curvature(forecast, np.zeros(6))
    x = np.concatenate([rows.numpy(), np.ones((20, 1))], axis=1)
    std = np.log(2) + 1e-3
    return [
        Truth(0, float(np.abs(curvature(problem, theta.numpy()) - hessian).max()), 1e-9, "classifier, all entries"),
        Truth(
            0,
            float(np.abs(found[::2, ::2] - x.T @ x / std**2 - np.diag([0.7, 0.7, 0.7])).max()),
            1e-9,
            "mean of a forecast",
        ),
    ]


@check(
    "uncertainty/infinite-width",
    area="uncertainty",
    source="random ReLU networks; multivariate Student-t densities by scipy",
    papers=("Scale Mixtures of Neural Network Gaussian Processes",),
)
def infinite_width() -> list[Truth]:
    """The kernel against 400,000 random units; evidence and predictive of the Student-t process against scipy."""
    from scipy.stats import multivariate_t
    from scipy.stats import t as student

    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4))
    first = rng.standard_normal((400_000, 4)) * np.sqrt(2 / 4)
    units = np.maximum(x @ first.T + np.sqrt(0.1) * rng.standard_normal(400_000), 0.0)
    kernel = arc_cosine(x, x, 1)
    wide = 2 * units @ units.T / units.shape[1] + 0.1
    rows, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
    full = arc_cosine(rows, rows, 2) + 0.3 * np.eye(6)
    a = 1.5  # half the degrees of freedom
    part = Posterior.of(full[:5, :5], y[:5])
    mean, variance = part.at(full[5:, :5], np.diag(full)[5:])
    freedom, stretch = conditioned(a, 5, part.fit)
    ratio = multivariate_t(shape=full, df=3).logpdf(y) - multivariate_t(shape=full[:5, :5], df=3).logpdf(y[:5])
    density = student.logpdf(y[5], freedom, mean[0], np.sqrt(stretch * variance[0]))
    gauss = Posterior.of(full, y)
    return [
        Truth(0, float(np.abs(wide / kernel - 1).max()), 0.02, "kernel of one layer, relative, 400,000 units"),
        Truth(float(multivariate_t(shape=full, df=3).logpdf(y)), gauss.evidence(a), 1e-9, "evidence, Student"),
        Truth(float(ratio), float(density), 1e-9, "predictive, Student"),
        Truth(gauss.evidence(), gauss.evidence(1e9), 1e-5, "evidence as the shape grows"),
    ]


@check(
    "uncertainty/martingale-posterior",
    area="uncertainty",
    source="Polya urn: Beta(s + 1, n - s + 1); Gaussian predictive: the conjugate normal posterior",
    papers=("Martingale Posterior Neural Processes",),
)
def martingale_posterior() -> list[Truth]:
    """Means and variances of 4,000 futures of 2,000 draws, and that the expected next mean is the present one."""
    s, n, futures, length = 3, 8, 4000, 2000
    found = polya_futures(s, n, futures, length, 0)
    a, b = s + 1, n - s + 1
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    one = polya_futures(s, n, 40_000, 1, 1)
    normal = normal_futures(2.0, 0.5, 1.0, futures, length, 0)
    error = np.sqrt(variance / futures)
    return [
        Truth(mean, float(found.mean()), 4 * float(error), "urn, mean"),
        Truth(variance, float(found.var()), 0.1 * variance, "urn, variance"),
        Truth(mean, float(one.mean()), 4 * 0.5 / (n + 3) / np.sqrt(40_000), "urn, martingale"),
        Truth(2.0, float(normal.mean()), 4 * float(np.sqrt(0.5 / futures)), "normal, mean"),
        Truth(0.5, float(normal.var()), 0.1 * 0.5, "normal, variance"),
    ]


@check("uncertainty/bottleneck", area="uncertainty", source="torch.distributions; Gibbs' inequality by enumeration")
def bottleneck() -> list[Truth]:
    """The rate against torch's divergence, and that its mean bounds the information of a code from above."""
    import torch

    rng = np.random.default_rng(0)
    mean, log_std = rng.standard_normal((5, 3)), 0.5 * rng.standard_normal((5, 3))
    normal = torch.distributions.Normal(torch.from_numpy(mean), torch.from_numpy(np.exp(log_std)))
    known = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(-1).numpy()
    centres = np.array([-1.0, 0.5, 2.0])
    grid = np.linspace(-12, 14, 20_001)
    densities = np.exp(-0.5 * ((grid - centres[:, None]) / 0.6) ** 2) / (0.6 * np.sqrt(2 * np.pi))
    mixed = densities.mean(axis=0)
    width = grid[1] - grid[0]
    told = float((densities * np.log(np.maximum(densities, 1e-300) / np.maximum(mixed, 1e-300))).sum() * width / 3)
    bound = float(np.mean(rate(centres[:, None], np.full((3, 1), np.log(0.6)))))
    return [
        Truth(0, float(np.abs(rate(mean, log_std) - known).max()), 1e-12, "rate of Gaussians"),
        Truth(1, float(bound >= told), 0, "the mean rate bounds I(Z; X)"),
    ]
