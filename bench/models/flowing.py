"""Densities by the probability flow of a score or a velocity: sources in closed form, and small trained networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import UsageError
from bench.estimators.diffusion import diffusion, from_data, probability_flow
from bench.estimators.flow import Integration, Velocity, log_density, standard_normal
from bench.estimators.interpolants import Interpolant
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.dequantisation import dequantised, lower_bound
from bench.models.scaling import Scale, flat
from bench.models.timed import Timed, trained
from bench.references.mixtures import source

if TYPE_CHECKING:
    from torch import Tensor

SCORE_SDE = "Score-Based Generative Modeling through Stochastic Differential Equations"
INTERPOLANTS = "Stochastic Interpolants: A Unifying Framework for Flows and Diffusions"
WEIGHTED = "Weighted Conditional Flow Matching"
PAIRED = 128  # among so many the cheapest pairs are found: the cost grows with the cube
# Log-density of the noise at positions (b, d), (b,).
Law = Callable[["Tensor"], "Tensor"]
COUPLINGS = ("independent", "weighted", "transport")


@dataclass
class Flow:
    """A flow from data to noise, and how it is followed.

    make: (training rows (n, d), seed) -> velocity.  base: standard deviation of the noise, or, where its law is known
    better, training rows -> log-density.
    """

    name: str
    make: Callable[[Float64s, int], Velocity]
    span: tuple[float, float]
    base: float | Callable[[Float64s], Law]
    how: Integration
    said: dict[str, Any]
    scaled: bool = True
    levels: int = 0
    seed: int = 0
    velocity: Velocity | None = None
    law: Law | None = None
    scale: Scale | None = field(default=None, repr=False)

    def fit(self, train: Examples, seed: int) -> None:
        """Learn the velocity from the training rows, brought to one scale; discrete ones are dequantised first."""
        rows = training_rows(train)
        self.levels, self.seed = train.levels, seed
        rows = dequantised(rows, seed) if self.levels else rows
        if self.scaled:
            self.scale = Scale.of(rows)
            rows = self.scale.apply(rows)
        self.velocity = self.make(rows, seed)
        self.law = self.base(rows) if callable(self.base) else standard_normal(self.base)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Log-density, nats, (b,); of discrete data a lower bound on the log-mass."""
        rows = flat(inputs)
        if self.levels:
            found = lower_bound(lambda noisy: self._continuous(noisy).log_prob, rows, self.seed)
            return replace(found, log_det=self._log_det(rows))
        return self._continuous(rows)

    def _continuous(self, rows: Float64s) -> LogDensity:
        assert self.velocity is not None and self.law is not None  # noqa: S101, PT018 - fit comes first
        moved = rows if self.scale is None else self.scale.apply(rows)
        found = log_density(self.velocity, moved, self.span, self.law, self.how, seed=self.seed)
        more = self._log_det(rows)
        return found if more is None else replace(found, log_prob=found.log_prob + more, log_det=more)

    def _log_det(self, rows: Float64s) -> Float64s | None:
        return None if self.scale is None else np.full(len(rows), -float(np.log(self.scale.width).sum()))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts(self.name, {**self.said, **vars(self.how)}, "numpy", "torch")


@model(
    "diffused-mixture",
    gives="density",
    source="Song et al. 2021, arXiv:2011.13456",
    papers=(SCORE_SDE,),
    check="likelihood/probability-flow",
)
def diffused_mixture(
    sde: str = "vp",
    solver: str = "rk45",
    tolerance: float = 1e-5,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
) -> Flow:
    """The exact score of a Gaussian-mixture task, followed by the probability flow: what the ODE loses, and no more.

    It runs from the data themselves to the law that they have at the end, which is not quite the N(0, 1) that trained
    models take for it.  sde: vp, subvp or ve.  solver: rk45 (adaptive, to `tolerance`), or euler, heun, rk4 with
    `steps` steps.  divergence: exact, hutchinson (with `probes` sign vectors), or auto.
    """
    chosen = from_data(diffusion(sde))

    def make(rows: Float64s, seed: int) -> Velocity:  # noqa: ARG001 - the source is known
        from bench.references import diffused

        return probability_flow(diffused.score(_source(rows), chosen), chosen)

    def law(rows: Float64s) -> Law:
        from bench.references import diffused

        return diffused.log_marginal(_source(rows), chosen, chosen.end)

    how = Integration(solver, tolerance, steps, divergence, probes)
    return Flow("diffused-mixture", make, (chosen.start, chosen.end), law, how, {"sde": sde}, scaled=False)


@model(
    "interpolated-mixture",
    gives="density",
    source="Albergo, Boffi and Vanden-Eijnden 2023, arXiv:2303.08797",
    papers=(INTERPOLANTS,),
    check="likelihood/interpolants",
)
def interpolated_mixture(
    path: str = "linear",
    solver: str = "rk45",
    tolerance: float = 1e-5,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
) -> Flow:
    """The exact velocity between noise and a Gaussian-mixture task, followed back to the noise.

    path: linear, trigonometric, or bridge (with latent noise).  The rest as in diffused-mixture.
    """
    chosen = Interpolant(path)

    def make(rows: Float64s, seed: int) -> Velocity:  # noqa: ARG001 - the source is known
        from bench.references import diffused

        return diffused.velocity(_source(rows), chosen)

    how = Integration(solver, tolerance, steps, divergence, probes)
    return Flow("interpolated-mixture", make, (1.0, 0.0), 1.0, how, {"path": path}, scaled=False)


@model(
    "score-network",
    gives="density",
    source="Song et al. 2021, arXiv:2011.13456; trained by denoising (Vincent 2011)",
    papers=(SCORE_SDE,),
    check="likelihood/probability-flow",
)
def score_network(
    sde: str = "vp",
    solver: str = "rk45",
    tolerance: float = 1e-4,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
) -> Flow:
    """A small network trained to predict the noise in noisy data, asked by the probability flow of its score.

    Parameters as in diffused-mixture.  It trains in some ten seconds and is kept for the next run.
    """
    chosen = diffusion(sde)
    # Noise that is a network's error, divided by its tiny sigma, is no score: the flow begins where sigma is .02 or so.
    start = 1e-3 if sde != "ve" else 0.1

    def loss(network: Callable[[Tensor, Tensor], Tensor], x: Tensor, draws: Any) -> Tensor:
        import torch

        t = start + (chosen.end - start) * torch.rand(len(x), generator=draws)
        noise = torch.randn(x.shape, generator=draws)
        alpha, sigma = chosen.marginal(t)
        noisy = alpha[:, None] * x + sigma[:, None] * noise
        return (network(noisy / (1 + sigma[:, None]) if sde == "ve" else noisy, t) - noise).square().mean()

    def make(rows: Float64s, seed: int) -> Velocity:
        network = trained("score-network", rows, loss, {"sde": sde, "start": start}, seed)

        def score(x: Tensor, t: Tensor) -> Tensor:
            sigma = chosen.marginal(t)[1][:, None]
            return -network(x / (1 + sigma) if sde == "ve" else x, t) / sigma

        return probability_flow(score, chosen)

    how = Integration(solver, tolerance, steps, divergence, probes)
    return Flow("score-network", make, (start, chosen.end), chosen.prior, how, {"sde": sde})


@model(
    "flow-matching",
    gives="density",
    source="Lipman et al. 2023, arXiv:2210.02747; Tong et al. 2024 for coupling=transport",
    papers=(INTERPOLANTS, WEIGHTED),
    check="likelihood/weighted-flow-matching",
)
def flow_matching(
    coupling: str = "independent",
    epsilon: float = 4.0,
    solver: str = "rk45",
    tolerance: float = 1e-4,
    steps: int = 100,
    divergence: str = "auto",
    probes: int = 8,
) -> Flow:
    """A small network trained on the straight ways from noise to data, asked by the flow of its velocity.

    coupling: of noise and data: independent, weighted (pairs by exp(-|x1 - x0|^2 / epsilon), which tilts both ends), or
    transport (the cheapest pairs among each 128).  The rest as in diffused-mixture.
    """
    if coupling not in COUPLINGS or epsilon <= 0:
        raise UsageError(
            f"flow-matching cannot couple by {coupling}, epsilon {epsilon:g}",
            cause=f"it couples by {', '.join(COUPLINGS)}; epsilon is above 0",
            fix="bench show model flow-matching",
        )

    def loss(network: Callable[[Tensor, Tensor], Tensor], x: Tensor, draws: Any) -> Tensor:
        import torch

        noise = torch.randn(x.shape, generator=draws)
        if coupling == "transport":
            noise = noise[_cheapest(noise, x)]
        t = torch.rand(len(x), generator=draws)
        way = x - noise
        wrong = (network(noise + t[:, None] * way, t) - way).square().mean(dim=1)
        weights = pair_weights(noise, x, epsilon) if coupling == "weighted" else torch.ones_like(t)
        return (weights * wrong).sum() / weights.sum()

    def make(rows: Float64s, seed: int) -> Velocity:
        key = {"coupling": coupling, **({"epsilon": epsilon} if coupling == "weighted" else {})}
        network: Timed = trained("flow-matching", rows, loss, key, seed)
        return network

    how = Integration(solver, tolerance, steps, divergence, probes)
    said = {"coupling": coupling, "epsilon": epsilon}
    return Flow("flow-matching", make, (1.0, 0.0), 1.0, how, said)


def pair_weights(noise: Tensor, data: Tensor, epsilon: float) -> Tensor:
    """Gibbs weights exp(-|x1 - x0|^2 / epsilon) of pairs (b, d), (b,), the largest 1."""
    cost = (data - noise).square().sum(dim=1) / epsilon
    return (cost.min() - cost).exp()


def _cheapest(noise: Tensor, data: Tensor) -> AnyArray:
    import torch
    from scipy.optimize import linear_sum_assignment

    blocks = [
        i + linear_sum_assignment(torch.cdist(data[i : i + PAIRED], noise[i : i + PAIRED]).square().numpy())[1]
        for i in range(0, len(data), PAIRED)
    ]
    return np.concatenate(blocks)


def _source(rows: Float64s) -> Any:
    known = source(rows.shape[1])
    if known is None:
        raise NotSuited(
            "the source of this data is not known",
            cause=f"no mixture of this suite has {rows.shape[1]} dimensions",
            fix="ask it about likelihood/gaussian-mixture or likelihood/gaussian-mixture-32",
        )
    return known
