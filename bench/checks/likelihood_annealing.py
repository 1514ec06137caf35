"""Annealing, stochastic flows and correctors against sums and quadrature."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.annealing import forward, reverse, sequential
from bench.estimators.correctors import corrected
from bench.estimators.diffusion import diffusion
from bench.estimators.stochastic_flow import Affine, Block, Langevin, Metropolis, metropolis, path_weights
from bench.estimators.weights import log_mean_exp
from bench.models.rbm import trained
from bench.references import diffused
from bench.references.mixtures import Mixture
from bench.seeds import generator
from bench.tasks.likelihood.digits import likelihood_digits_binary


@check("likelihood/annealing-bracket", area="likelihood", source="enumeration; Grosse et al. 2015, arXiv:1511.02543")
def annealing_bracket() -> list[Truth]:
    """The log Z of an RBM on binary digits, 64 by 14, is summed over 2^14 states; annealing brackets it.

    Forwards from below and backwards from above, to within 4.5 standard errors of each; the mean of the weights is Z
    itself, and so is that of sequential Monte Carlo over repetitions.
    """
    rows = np.asarray(likelihood_digits_binary(0).split("train").inputs).reshape(900, -1)
    machine = trained(rows, 14, 0)
    truth = machine.summed()[0]
    draws = generator(0, "check", "annealing")
    below = forward(machine, 200, 300, draws)
    above = reverse(machine, machine.exact_samples(200, draws), 300, draws)
    particles = np.array([sequential(machine, 50, 60, draws).value for _ in range(20)])
    inside = below.logs.mean() - ERRORS * below.logs.std() / 200**0.5 <= truth
    inside &= truth <= above.logs.mean() + ERRORS * above.logs.std() / 200**0.5
    return [
        Truth(truth, below.value, ERRORS * below.error, "log Z, annealed forwards"),
        Truth(truth, above.value, ERRORS * above.error, "log Z, annealed backwards"),
        Truth(1.0, float(inside and below.logs.mean() < above.logs.mean()), 0.0, "the bracket holds log Z"),
        simulated(1.0, np.exp(particles - truth), "mean of Z by particles over Z"),
    ]


@check("likelihood/stochastic-flow", area="likelihood", source="quadrature", papers=("Stochastic Normalizing Flows",))
def stochastic_flow() -> list[Truth]:
    """E[w] is Z of a double well, by quadrature, for layers and moves that nobody trained.

    Metropolis blocks at geometric bridges are annealed importance sampling, number for number; affine layers alone are
    a flow, whose weights are the target over the pushed density.
    """
    axis = np.linspace(-6, 6, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    truth = float(np.log(np.exp(-_well(grid)).sum() * (axis[1] - axis[0]) ** 2))
    start = generator(0, "check", "snf").standard_normal((20_000, 2))
    betas = np.linspace(0, 1, 21)
    bridges = [Metropolis(lambda x, b=b: (1 - b) * _round(x) + b * _well(x), 0.7) for b in betas[1:]]  # type: ignore[misc]
    layer = Affine(np.array([[1.3, 0.2], [-0.1, 0.9]]), np.array([0.2, -0.1]))
    mixed: list[Block] = [layer, Langevin(_slope, 0.01), *bridges[9::5], Langevin(_slope, 0.01)]
    _, weights = path_weights(start, _round, mixed, _well, generator(1, "check", "snf"))
    _, annealed = path_weights(start, _round, bridges, _well, generator(2, "check", "snf"))
    ais = forward(_Bridge(start), len(start), 20, generator(2, "check", "snf"))
    pushed, flow = path_weights(start, _round, [layer], _well, generator(3, "check", "snf"))
    back = np.linalg.solve(layer.matrix, (pushed - layer.shift).T).T
    density = -_round(back) - np.linalg.slogdet(layer.matrix)[1]
    return [
        simulated(1.0, np.exp(weights - truth), "mean weight over Z, layers and moves"),
        simulated(1.0, np.exp(annealed - truth), "mean weight over Z, Metropolis bridges"),
        exact(0.0, float(np.abs(annealed - ais.logs).max()), "bridges against annealed importance sampling"),
        exact(0.0, float(np.abs(flow - (-_well(pushed) - density)).max()), "layers against the flow's density"),
        Truth(truth, float(log_mean_exp(annealed)), 0.1, "log Z"),
    ]


@check(
    "likelihood/feynman-kac",
    area="likelihood",
    source="quadrature; closed form",
    papers=("Feynman-Kac Correctors in Diffusion: Annealing, Guidance, and Product of Experts",),
)
def feynman_kac() -> list[Truth]:
    """Weighted particles of q^2 have the balance of modes that quadrature gives; without weights they have not.

    q has modes of shares .7 and .3 and unlike widths.  Particles of a product of two Gaussians have its mean.
    """
    q = Mixture(
        np.array([0.7, 0.3]), np.array([[-1.5, 0.0], [1.5, 0.0]]), np.stack([0.5 * np.eye(2), 0.15 * np.eye(2)])
    )
    axis = np.linspace(-6, 6, 601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    power = np.exp(2 * q.log_prob(grid)) * (axis[1] - axis[0]) ** 2
    right = float(power[grid[:, 0] > 0].sum() / power.sum())
    sde = diffusion("vp")
    found = corrected([diffused.score(q, sde)], sde, particles=2000, dims=2, beta=2.0, steps=400)
    plain = corrected([diffused.score(q, sde)], sde, particles=2000, dims=2, beta=2.0, steps=400, least=0.0)
    one = corrected([diffused.score(q, sde)], sde, particles=50, dims=2, steps=50)
    halves = [
        Mixture(np.ones(1), np.array([m]), np.eye(2)[None] * v) for m, v in (([1.0, 0.0], 0.5), ([-1.0, 1.0], 1.0))
    ]
    product = corrected([diffused.score(m, sde) for m in halves], sde, particles=2000, dims=2, steps=400)
    mean = (halves[0].means[0] / 0.5 + halves[1].means[0]) / 3
    error = ERRORS * np.sqrt(1 / 3 / 500)  # at least a quarter of the particles count, with variance 1/3
    unweighted = float((plain.places[:, 0] > 0).mean())
    return [
        Truth(
            right, _share(found.logs, found.places[:, 0] > 0), ERRORS * np.sqrt(0.25 / 500), "share of the right mode"
        ),
        Truth(1.0, float(abs(unweighted - right) > 0.1), 0.0, "without weights the share is wrong"),
        exact(0.0, float(np.abs(one.logs).max()), "no weights at beta 1"),
        Truth(mean[0], _share(product.logs, product.places[:, 0]), error, "mean of a product"),
    ]


class _Bridge:
    """The geometric bridge from the round Gaussian to the double well, from given samples."""

    log_base = 0.0

    def __init__(self, start: Float64s) -> None:
        self._start = start

    def start(self, n: int, draws: np.random.Generator) -> Float64s:  # noqa: ARG002
        return self._start

    def log_density(self, x: Float64s, beta: float) -> Float64s:
        return -((1 - beta) * _round(x) + beta * _well(x))

    def move(self, x: Float64s, beta: float, draws: np.random.Generator, *, back: bool = False) -> Float64s:  # noqa: ARG002
        return metropolis(x, lambda y: self.log_density(y, beta), 0.7, draws)


def _round(x: AnyArray) -> Float64s:
    return np.asarray(0.5 * (x**2).sum(axis=1) + np.log(2 * np.pi))


def _well(x: Float64s) -> Float64s:
    return (x[:, 0] ** 2 - 1.5) ** 2 - 0.5 * x[:, 0] + 0.5 * x[:, 1] ** 2


def _slope(x: Float64s) -> Float64s:
    return np.stack([4 * x[:, 0] * (x[:, 0] ** 2 - 1.5) - 0.5, x[:, 1]], axis=1)


def _share(logs: Float64s, values: AnyArray) -> float:
    weights = np.exp(logs - logs.max())
    return float(weights @ values / weights.sum())
