"""Bounds of latent-variable models against probabilistic PCA, whose marginal is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.latent import Bound, estimate, gradient_snr, least_divergent, log_weights, of_weights
from bench.estimators.weights import log_mean_exp, weighed
from bench.models.latent import discretised_logistic, gaussian_kl
from bench.seeds import generator
from bench.tasks.likelihood.linear_factors import factors

if TYPE_CHECKING:
    from torch import Tensor

SPREAD = 1.25
ELBO = "Auto-Encoding Variational Bayes"
IWAE = "Importance Weighted Autoencoders"
TIGHTER = "Tighter Variational Bounds are Not Necessarily Better"
VIS = "Forward χ^2 Divergence Based Variational Importance Sampling"


@check("likelihood/latent-bounds", area="likelihood", source="closed form", papers=(IWAE,))
def latent_bounds() -> list[Truth]:
    """With a proposal that is the posterior, each of 4 latents `s` times as wide, gaps are in closed form.

    The ELBO's gap is 4 ((s^2 - 1) / 2 - log s); the weights' chi-squared divergence is (s^2 / sqrt(2 s^2 - 1))^4 - 1,
    and the bound of K draws lies chi^2 / (2 K) below log p, up to O(1 / K^2).  The exact posterior leaves no gap, and
    a proposal of .3 times the posterior's width gives weights whose tail has the shape 1 - .3^2 = .91: no variance, and
    Pareto k says so.
    """
    source = replace(factors(), spread=SPREAD)
    rows = _rows(400)
    truth = source.log_density(rows)
    gap = 4 * ((SPREAD**2 - 1) / 2 - np.log(SPREAD))
    chi = (SPREAD**2 / np.sqrt(2 * SPREAD**2 - 1)) ** 4 - 1
    logs = log_weights(source, rows, 2000, Bound(), 0)
    right = estimate(replace(source, spread=1.0), rows, Bound("iwae", 3), 0)
    narrow = estimate(replace(source, spread=0.3), rows[:50], Bound("iwae", 2000), 0)
    wide = estimate(source, rows[:50], Bound("iwae", 2000), 0)
    truths = [
        exact(0.0, float(np.abs(right.log_prob - truth).max()) / 1e3, "posterior as proposal, any K"),
        simulated(gap, (truth[:, None] - logs).mean(axis=1), "gap of the ELBO"),
    ]
    for k in (20, 100):
        lost = (truth[:, None] - log_mean_exp(logs.reshape(len(rows), -1, k))).mean(axis=1)
        error = ERRORS * float(lost.std(ddof=1)) / len(lost) ** 0.5
        # The next term of the expansion is of the order (chi^2 / K)^2.
        truths.append(Truth(chi / (2 * k), float(lost.mean()), error + (chi / k) ** 2, f"gap of K = {k}, the 1/K law"))
    ratio = np.exp(log_mean_exp(logs) - truth)
    return [
        *truths,
        simulated(1.0, ratio, "mean weight over p(x)"),
        Truth(1.0, float((np.asarray(narrow.pareto_k) > 0.7).mean()), 0.1, "share warned of, proposal too narrow"),
        Truth(0.0, float((np.asarray(wide.pareto_k) > 0.7).mean()), 0.02, "share warned of, proposal wider"),
    ]


@check("likelihood/tighter-bounds", area="likelihood", source="Rainforth et al. 2018", papers=(TIGHTER,))
def tighter_bounds() -> list[Truth]:
    """MIWAE of one group is IWAE and of one draw each the ELBO; CIWAE runs from one to the other.

    And the theorem: the signal-to-noise ratio of a generator's gradient grows as sqrt(K), that of an inference
    network's falls as 1 / sqrt(K), and both grow as sqrt(M).  In one dimension: x | z ~ N(z + a, 1), q = N(b, 1.2^2).
    """
    import torch

    logs = generator(0, "check", "bounds").standard_normal((50, 4, 25))

    def gap(one: Bound, other: Bound, shape: tuple[int, int] = (4, 25)) -> float:
        return float(np.abs(of_weights(logs.reshape(50, *shape), one) - of_weights(logs, other)).max())

    def weights(shift: Tensor, offset: Tensor, noise: Tensor) -> Tensor:
        z = offset + 1.2 * noise
        return -0.5 * (2.0 - shift - z) ** 2 - 0.5 * z**2 + 0.5 * noise**2

    draws = torch.Generator().manual_seed(0)

    of = {"generator": lambda p, e: weights(p, 0.6 + 0 * p, e), "inference": lambda p, e: weights(0 * p, p, e)}

    def slope(kind: str, axis: int) -> float:
        ratios = []
        for size in (4, 64):
            shape = (1, size) if axis else (size, 8)
            noise = torch.randn(40_000 * size * (1 if axis else 8), generator=draws, dtype=torch.float64)
            ratios.append(gradient_snr(of[kind], 0.0 if kind == "generator" else 0.6, shape, 40_000, noise))
        return float(np.log(ratios[1] / ratios[0]) / np.log(16))

    return [
        exact(0.0, gap(Bound("miwae"), Bound("iwae"), (1, 100)), "MIWAE, M = 1"),
        exact(0.0, gap(Bound("miwae"), Bound("elbo"), (100, 1)), "MIWAE, K = 1"),
        exact(0.0, gap(Bound("ciwae", beta=1.0), Bound("elbo")), "CIWAE, beta 1"),
        exact(0.0, gap(Bound("ciwae", beta=0.0), Bound("iwae")), "CIWAE, beta 0"),
        Truth(0.5, slope("generator", 1), 0.1, "slope of the generator's ratio in K"),
        Truth(-0.5, slope("inference", 1), 0.1, "slope of the inference network's ratio in K"),
        Truth(0.5, slope("inference", 0), 0.1, "slope of the inference network's ratio in M"),
    ]


@check("likelihood/variational-importance", area="likelihood", source="closed form", papers=(VIS,))
def variational_importance() -> list[Truth]:
    """Fitting brings a proposal half as wide back to the posterior, where the estimate is exact.

    On a posterior of two modes the forward chi-squared fit covers both: its divergence, by quadrature, is below that
    of the reverse-KL fit, which takes one.
    """
    rows = _rows(30)
    source = replace(factors(), spread=0.5)
    truth = source.log_density(rows)
    found = estimate(source, rows, Bound("vis", 500), 0)
    before = estimate(source, rows, Bound("iwae", 500), 0)
    two, chi, kl = _bimodal()
    better = float(np.mean(np.abs(found.log_prob - truth)) / np.mean(np.abs(before.log_prob - truth)))
    return [
        Truth(0.0, float((found.log_prob - truth).mean()), 0.01, "gap after fitting, nats"),
        Truth(0.0, better, 0.2, "gap after over gap before"),
        Truth(1.0, float(chi < kl), 0.0, "forward fit is nearer a two-moded posterior"),
        Truth(two, _forward_mass(), 0.02, "its estimate of log p"),
    ]


@check("likelihood/vae-elbo", area="likelihood", source="closed form; enumeration", papers=(ELBO,))
def vae_elbo() -> list[Truth]:
    """The analytic KL is torch's; with it the ELBO has the mean of the sampled one and less variance.

    A discretised logistic's masses over 17 and 256 levels sum to 1, wherever it lies and however narrow it is.
    """
    import torch

    draws = torch.Generator().manual_seed(0)
    mean, std = torch.randn(5, 3, generator=draws).double(), torch.rand(5, 3, generator=draws).double() + 0.1
    normal = torch.distributions.Normal
    theirs = torch.distributions.kl_divergence(normal(mean, std), normal(torch.zeros_like(mean), torch.ones_like(std)))
    source = replace(factors(), spread=SPREAD)
    rows = _rows(200)
    x = torch.as_tensor(rows)
    centre, width = source.proposal(x)
    noise = torch.randn(200, 500, 4, generator=draws).double()
    z = centre[:, None, :] + width[:, None, :] * noise
    sampled = log_weights(source, rows, 500, Bound(), 1)
    analytic = (source.log_likelihood(x, z) - gaussian_kl(centre, width)[:, None]).numpy()
    truths = [
        exact(0.0, float((gaussian_kl(mean, std) - theirs.sum(dim=1)).abs().max()), "KL against torch.distributions"),
        simulated(0.0, sampled.mean(axis=1) - analytic.mean(axis=1), "mean of the two ELBOs"),
    ]
    for levels in (17, 256):
        every = torch.arange(levels).double()[:, None]
        middle, width = torch.linspace(-5, levels + 5, 40).double(), torch.logspace(-3, 2, 40).double()
        mass = discretised_logistic(every, middle, width, levels).exp().sum(dim=0)
        truths.append(exact(0.0, float((mass - 1).abs().max()), f"mass of {levels} levels"))
    return truths


def _rows(n: int) -> np.ndarray:
    source = factors()
    draws = generator(0, "check", "factors", n)
    noise = source.noise * draws.standard_normal((n, 16))
    return np.asarray(source.mean + draws.standard_normal((n, 4)) @ source.loadings.T + noise)


class _Folded:
    """x | z ~ N(|z|, .3^2): given x, z has two modes."""

    latents = 1

    def proposal(self, x: Tensor) -> tuple[Tensor, Tensor]:
        import torch

        return torch.full_like(x, 0.5), torch.ones_like(x)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return -0.5 * ((x - z[..., 0].abs()) / 0.3) ** 2 - float(np.log(0.3 * np.sqrt(2 * np.pi)))


_AT = np.array([[1.2]])


def _bimodal() -> tuple[float, float, float]:
    """Log p(x), and the forward chi-squared divergences of both fits, by quadrature."""
    import torch

    x, model = torch.as_tensor(_AT), _Folded()
    grid = torch.linspace(-6, 6, 4001).double()
    step = float(grid[1] - grid[0])
    joint = model.log_likelihood(x, grid[None, :, None])[0] - 0.5 * grid**2 - 0.5 * float(np.log(2 * np.pi))
    evidence = float(joint.exp().sum() * step)
    found = []
    for forward in (True, False):
        mean, std = least_divergent(model, x, *model.proposal(x), _AT, 0, forward=forward)
        proposal = torch.distributions.Normal(mean[0], std[0]).log_prob(grid)  # type: ignore[no-untyped-call]
        found.append(float((2 * joint - proposal).exp().sum() * step) / evidence**2 - 1)
    return float(np.log(evidence)), found[0], found[1]


def _forward_mass() -> float:
    return float(weighed(log_weights(_Folded(), _AT, 20_000, Bound("vis"), 1)).log_mean[0])
