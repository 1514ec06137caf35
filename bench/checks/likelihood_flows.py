"""Probability flows against densities in closed form."""

from __future__ import annotations

from collections.abc import Callable
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.diffusion import (
    SDES,
    VarianceExploding,
    VariancePreserving,
    denoised_score,
    diffusion,
    from_data,
    probability_flow,
)
from bench.estimators.flow import Integration, Velocity, log_density, standard_normal
from bench.estimators.interpolants import PATHS, Interpolant
from bench.references import diffused
from bench.references.mixtures import Mixture, ring, scattered
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

SCORE_SDE = "Score-Based Generative Modeling through Stochastic Differential Equations"
TRAJECTORIES = "Consistency Trajectory Models: Learning Probability Flow ODE Trajectory of Diffusion"
BITS = 1e-3  # a dimension: what a likelihood at tolerance 1e-5 may be off by


def _diffused(mixture: Mixture, rows: Float64s, sde: str = "vp", how: Integration | None = None) -> LogDensity:
    """From the data to the law that they have at the end."""
    chosen = from_data(diffusion(sde))
    velocity = probability_flow(diffused.score(mixture, chosen), chosen)
    base = diffused.log_marginal(mixture, chosen, chosen.end)
    return log_density(velocity, rows, (chosen.start, chosen.end), base, how or Integration())


def _worst(truth: Float64s, found: LogDensity, dim: int) -> float:
    return float(np.abs(truth - found.log_prob).max()) / dim / np.log(2)


@check("likelihood/probability-flow", area="likelihood", source="closed form", papers=(SCORE_SDE,))
def probability_flow_likelihood() -> list[Truth]:
    """The exact score of a mixture in 2 and 32 dimensions gives each sample's density, to .001 bits/dim at 1e-5.

    That is from the data's law to the law at the end.  A model that takes N(0, 1) for the latter, as trained ones do,
    is another density: single samples move by up to some .003 bits/dim (.02 under an exploding diffusion), and their
    mean by KL(p_T || N(0, 1)), since a flow changes no divergence.  Hutchinson's estimate is unbiased for what the
    exact trace gives, and Heun's error falls as the square of the step.
    """
    truths = []
    for mixture, n, sdes in ((ring(), 120, SDES), (scattered(), 30, ("vp",))):
        rows = mixture.sample(n, generator(0, "check", "probability-flow"))
        known, dim = mixture.log_prob(rows), rows.shape[1]
        for sde in sdes:
            lost = _worst(known, _diffused(mixture, rows, sde), dim)
            truths.append(Truth(0.0, lost, BITS, f"bits/dim lost in {dim} dimensions, worst sample, {sde}"))
    rows = ring().sample(40, generator(0, "check", "hutchinson"))
    traced = _diffused(ring(), rows).log_prob
    probed = _diffused(ring(), rows, how=Integration(divergence="hutchinson", probes=16))
    z = (probed.log_prob - traced) / np.asarray(probed.mc_error)
    truths.append(Truth(0.0, float(z.mean()), ERRORS * float(z.std()) / len(z) ** 0.5, "Hutchinson, standard errors"))
    coarse, fine = (_wrong_by(rows, Integration("heun", steps=k)) for k in (100, 200))
    return [*truths, _taken_for_normal(), Truth(2.0, log2(coarse / fine), 0.2, "order of Heun's method")]


def _taken_for_normal() -> Truth:
    """What N(0, 1) costs at the end of a diffusion that stops early: by the flow, and by draws of the law there."""
    import torch

    mixture, sde = ring(), VariancePreserving(high=4.0, start=0.0)
    velocity = probability_flow(diffused.score(mixture, sde), sde)
    rows = mixture.sample(300, generator(0, "check", "prior"))
    found = log_density(velocity, rows, (sde.start, sde.end), standard_normal(), Integration(tolerance=1e-4))
    gaps = mixture.log_prob(rows) - found.log_prob
    draws = generator(1, "check", "prior")
    alpha, sigma = (float(v[0]) for v in sde.marginal(torch.ones(1, dtype=torch.float64)))
    ends = torch.as_tensor(alpha * mixture.sample(100_000, draws) + sigma * draws.standard_normal((100_000, 2)))
    ratios = (diffused.log_marginal(mixture, sde, sde.end)(ends) - standard_normal()(ends)).numpy()
    error = float(np.hypot(gaps.std() / len(gaps) ** 0.5, ratios.std() / len(ratios) ** 0.5))
    return Truth(
        float(ratios.mean()), float(gaps.mean()), ERRORS * error, "nats lost to N(0, 1) at an early end, its KL"
    )


def _wrong_by(rows: Float64s, how: Integration) -> float:
    velocity = diffused.velocity(ring(), Interpolant("bridge"))
    tight, loose = (
        log_density(velocity, rows, (1.0, 0.0), standard_normal(), h) for h in (Integration(tolerance=1e-8), how)
    )
    return float(np.abs(tight.log_prob - loose.log_prob).mean())


@check("likelihood/consistency-trajectory", area="likelihood", source="closed form", papers=(TRAJECTORIES,))
def consistency_trajectory() -> list[Truth]:
    """The jump map of a Gaussian under the exploding flow is linear: it composes, and its short jump is the denoiser.

    Its denoiser, g(x, t, t), gives the score by Tweedie's formula, and that the Gaussian's density by the flow.
    """
    mean, spread = 0.7, 1.3
    sde = VarianceExploding()
    rows = mean + spread * generator(0, "check", "trajectory").standard_normal((30, 3))

    def jump(x: Float64s, t: float, s: float) -> Float64s:
        return mean + np.sqrt((spread**2 + s**2) / (spread**2 + t**2)) * (x - mean)

    def short_jump(x: Tensor, t: Tensor) -> Tensor:
        # The limit of (G(x, t, s) - s / t x) / (1 - s / t) as s goes to t.
        sigma = sde.marginal(t)[1][:, None]
        return mean + spread**2 / (spread**2 + sigma**2) * (x - mean)

    step = 1 - 1e-6
    limit = (jump(rows, 2.0, 2.0 * step) - step * rows) / (1 - step)
    denoised = mean + spread**2 / (spread**2 + 4.0) * (rows - mean)
    velocity = probability_flow(denoised_score(short_jump, sde), sde)
    found = log_density(
        velocity, rows, (sde.start, sde.end), _gaussian(mean, np.hypot(spread, sde.high)), Integration()
    )
    known = _log_gaussian(rows, mean, np.hypot(spread, sde.low))
    return [
        exact(0.0, float(np.abs(jump(jump(rows, 3.0, 1.0), 1.0, 0.2) - jump(rows, 3.0, 0.2)).max()), "jumps compose"),
        Truth(0.0, float(np.abs(limit - denoised).max()), 1e-5, "short jump against the denoiser"),
        Truth(0.0, float(np.abs(found.log_prob - known).max()) / 3 / np.log(2), BITS, "bits/dim lost, worst sample"),
    ]


@check(
    "likelihood/interpolants",
    area="likelihood",
    source="closed form",
    papers=("Stochastic Interpolants: A Unifying Framework for Flows and Diffusions",),
)
def interpolants() -> list[Truth]:
    """The exact velocity from noise to the ring gives its density on every path, and there and back is no way."""
    import torch

    from bench.estimators.ode import adaptive

    rows = ring().sample(40, generator(0, "check", "interpolants"))
    known = ring().log_prob(rows)
    truths = []
    for path in PATHS:
        velocity = diffused.velocity(ring(), Interpolant(path))
        found = log_density(velocity, rows, (1.0, 0.0), standard_normal(), Integration())
        lost = float(np.abs(known - found.log_prob).max()) / 2 / np.log(2)
        truths.append(Truth(0.0, lost, BITS, f"bits/dim lost, worst sample, {path}"))
        x = torch.as_tensor(rows)
        there = adaptive(lambda t, y, _, v=velocity: v(y, t), x, (1.0, 0.0), 2, 1e-6).state  # type: ignore[misc]
        back = adaptive(lambda t, y, _, v=velocity: v(y, t), there, (0.0, 1.0), 2, 1e-6).state  # type: ignore[misc]
        truths.append(Truth(0.0, float((back - x).abs().max()), 1e-3, f"there and back, {path}"))
    return truths


@check(
    "likelihood/weighted-flow-matching",
    area="likelihood",
    source="closed form",
    papers=("Weighted Conditional Flow Matching",),
)
def weighted_flow_matching() -> list[Truth]:
    """Gibbs weights on pairs of Gaussians leave a Gaussian pair of greater precision, so the best velocity is linear.

    With coordinates x_0 ~ N(0, 1) and x_1 ~ N(0, s^2) and weights exp(-(x_1 - x_0)^2 / e) the precision grows by
    2 / e [[1, -1], [-1, 1]]: both ends are tilted, which is the method's bias.  Weighted regression on simulated pairs
    finds that velocity, and its flow has the tilted end's density; for a large e it is plain flow matching.
    """
    import torch

    from bench.models.flowing import pair_weights

    spread, epsilon, t = 1.5, 3.0, 0.3
    truths = []
    for size in (epsilon, 1e9):
        tilted = np.linalg.inv(np.diag([1.0, spread**-2]) + 2 / size * np.array([[1.0, -1.0], [-1.0, 1.0]]))
        draws = generator(0, "check", "pairs").standard_normal((2, 200_000))
        first, second = draws[0], spread * draws[1]
        at, way = (1 - t) * first + t * second, second - first
        weights = pair_weights(torch.as_tensor(first)[:, None], torch.as_tensor(second)[:, None], size).numpy()
        slope = _slope(tilted)(t)
        # The weighted normal equation: its terms average 0 at the true slope.
        terms = weights * at * (way - slope * at) / (weights * at**2).mean()
        truths.append(simulated(0.0, terms, f"slope found less the closed form, epsilon {size:g}"))
        rows = np.linspace(-3, 3, 41)[:, None]
        found = log_density(
            _linear(_slope(tilted)), rows, (1.0, 0.0), standard_normal(tilted[0, 0] ** 0.5), Integration()
        )
        wrong = np.abs(found.log_prob - _log_gaussian(rows, 0.0, tilted[1, 1] ** 0.5)).max()
        truths.append(Truth(0.0, float(wrong), 1e-4, f"density of the flow, epsilon {size:g}"))
    return truths


def _slope(covariance: AnyArray) -> Callable[[float], float]:
    def at(t: float) -> float:
        place, way = np.array([1 - t, t]), np.array([-1.0, 1.0])
        return float(way @ covariance @ place / (place @ covariance @ place))

    return at


def _linear(slope: Callable[[float], float]) -> Velocity:
    import torch

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return torch.tensor([slope(float(s)) for s in t], dtype=x.dtype)[:, None] * x

    return velocity


def _gaussian(mean: float, spread: float) -> Callable[[Tensor], Tensor]:
    base = standard_normal(spread)
    return lambda x: base(x - mean)


def _log_gaussian(rows: Float64s, mean: float, spread: float) -> Float64s:
    parts = -0.5 * ((rows - mean) / spread) ** 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)
    return np.asarray(parts.sum(axis=1))
