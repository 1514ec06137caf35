"""Annealing, stochastic flows and correctors against sums and quadrature."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.checks.cases import ERRORS, exact, simulated
from bench.components import Truth, check
from bench.estimators.annealing import forward, reverse, sequential
from bench.estimators.correctors import corrected, terms
from bench.estimators.diffusion import Diffusion, diffusion
from bench.estimators.stochastic_flow import (
    Affine,
    Block,
    Langevin,
    Metropolis,
    metropolis,
    path_weights,
    reversed_weights,
)
from bench.estimators.weights import log_mean_exp, weighed
from bench.models.guided import CORRECTORS
from bench.models.rbm import trained
from bench.models.stochastic_flows import SNF
from bench.references import diffused
from bench.references.energies import well
from bench.references.mixtures import Mixture, background, experts, product, quotient
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


@check("likelihood/stochastic-flow", area="likelihood", source="quadrature", papers=(SNF,))
def stochastic_flow() -> list[Truth]:
    """E[w] is Z of a double well, by quadrature, for layers and moves that nobody trained.

    Metropolis blocks at geometric bridges are annealed importance sampling, number for number; affine layers alone are
    a flow, whose weights are the target over the pushed density.  Walked backwards from exact samples the weights give
    1 / Z, and both ways have their mean logarithm on their own side of log Z.
    """
    target = well()
    axis = np.linspace(-6, 6, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    truth = float(np.log(np.exp(-target(grid)).sum() * (axis[1] - axis[0]) ** 2))
    start = generator(0, "check", "snf").standard_normal((20_000, 2))
    betas = np.linspace(0, 1, 21)
    bridges = [Metropolis(lambda x, b=b: (1 - b) * _round(x) + b * target(x), 0.7) for b in betas[1:]]  # type: ignore[misc]
    layer = Affine(np.array([[1.3, 0.2], [-0.1, 0.9]]), np.array([0.2, -0.1]))
    mixed: list[Block] = [layer, Langevin(target.slope, 0.01), *bridges[9::5], Langevin(target.slope, 0.01)]
    _, weights = path_weights(start, _round, mixed, target, generator(1, "check", "snf"))
    _, annealed = path_weights(start, _round, bridges, target, generator(2, "check", "snf"))
    ais = forward(_Bridge(start), len(start), 20, generator(2, "check", "snf"))
    pushed, flow = path_weights(start, _round, [layer], target, generator(3, "check", "snf"))
    back = np.linalg.solve(layer.matrix, (pushed - layer.shift).T).T
    density = -_round(back) - np.linalg.slogdet(layer.matrix)[1]
    ends = target.sample(20_000, generator(4, "check", "snf"))
    _, returned = reversed_weights(ends, _round, mixed, target, generator(5, "check", "snf"))
    errors = ERRORS * (weights.std() + returned.std()) / len(start) ** 0.5
    held = weights.mean() - errors < truth < returned.mean() + errors and weights.mean() < returned.mean()
    return [
        Truth(truth, target.log_z, 1e-8, "log Z of the double well, along one axis and by a grid out to 6"),
        simulated(1.0, _backwards(layer), "mean of Z over the weight, backwards from a wide Gaussian"),
        Truth(1.0, float(held), 0.0, "both ways bracket log Z"),
        simulated(1.0, np.exp(weights - truth), "mean weight over Z, layers and moves"),
        simulated(1.0, np.exp(annealed - truth), "mean weight over Z, Metropolis bridges"),
        exact(0.0, float(np.abs(annealed - ais.logs).max()), "bridges against annealed importance sampling"),
        exact(0.0, float(np.abs(flow - (-target(pushed) - density)).max()), "layers against the flow's density"),
        Truth(truth, float(log_mean_exp(annealed)), 0.1, "log Z"),
    ]


@check(
    "likelihood/feynman-kac",
    area="likelihood",
    source="quadrature; closed form",
    papers=(CORRECTORS,),
)
def feynman_kac() -> list[Truth]:
    """Weighted particles of q^2 have the balance of modes that quadrature gives; without weights they have not.

    q has modes of shares .7 and .3 and unlike widths.  Particles of a product of two Gaussians have its mean, and
    those of a guided mean of two, q_1^-.5 q_2^1.5, its variance; the weights give the constant of each.
    """
    q, other = experts()
    known, log_z = product(q, q)
    far = background()
    led, log_y = quotient(known, far)
    log_y += log_z
    axis = np.linspace(-6, 6, 601)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    near = grid[::997]
    power = np.exp(2 * q.log_prob(grid)) * (axis[1] - axis[0]) ** 2
    right = float(power[grid[:, 0] > 0].sum() / power.sum())
    sde = diffusion("vp")
    found = corrected([diffused.score(q, sde)], sde, particles=1000, dims=2, beta=2.0, steps=200)
    plain = corrected([diffused.score(q, sde)], sde, particles=1000, dims=2, beta=2.0, steps=200, least=0.0)
    one = corrected([diffused.score(q, sde)], sde, particles=50, dims=2, steps=50)
    halves = [
        Mixture(np.ones(1), np.array([m]), np.eye(2)[None] * v) for m, v in (([1.0, 0.0], 0.5), ([-1.0, 1.0], 1.0))
    ]
    pair = corrected([diffused.score(m, sde) for m in halves], sde, particles=1000, dims=2, steps=200)
    scores = [diffused.score(m, sde) for m in halves[::-1]]
    runs = [corrected(scores, sde, particles=500, dims=2, weight=1.5, steps=100, seed=i).log_z for i in range(6)]
    guided = weighed(np.array([runs]))
    mean = (halves[0].means[0] / 0.5 + halves[1].means[0]) / 3
    error = ERRORS * np.sqrt(1 / 3 / 250)  # at least a quarter of the particles count, with variance 1/3
    unweighted = float((plain.places[:, 0] > 0).mean())
    return [
        Truth(
            right, _share(found.logs, found.places[:, 0] > 0), ERRORS * np.sqrt(0.25 / 250), "share of the right mode"
        ),
        Truth(1.0, float(abs(unweighted - right) > 0.1), 0.0, "without weights the share is wrong"),
        exact(0.0, float(np.abs(one.logs).max()), "no weights at beta 1"),
        Truth(mean[0], _share(pair.logs, pair.places[:, 0]), error, "mean of a product"),
        exact(0.0, float(np.abs(known.log_prob(grid) + log_z - 2 * q.log_prob(grid)).max()), "a mixture times itself"),
        exact(
            0.0,
            float(np.abs(led.log_prob(near) + log_y - 2 * q.log_prob(near) + far.log_prob(near)).max()),
            "its square over a Gaussian",
        ),
        # Beside the spread of the runs, 100 Euler steps leave .005 (five runs of 8,000 particles: error .002).
        Truth(
            _guided(halves[1], halves[0], 1.5),
            float(guided.log_mean[0]),
            ERRORS * float(guided.error[0]) + 0.01,
            "log Z of the guided mean",
        ),
        *_equations(q, other, sde),
    ]


class _Bridge:
    """The geometric bridge from the round Gaussian to the double well, from given samples."""

    log_base = 0.0

    def __init__(self, start: Float64s) -> None:
        self._start = start

    def start(self, n: int, draws: np.random.Generator) -> Float64s:  # noqa: ARG002
        return self._start

    def log_density(self, x: Float64s, beta: float) -> Float64s:
        return -((1 - beta) * _round(x) + beta * well()(x))

    def move(self, x: Float64s, beta: float, draws: np.random.Generator, *, back: bool = False) -> Float64s:  # noqa: ARG002
        return metropolis(x, lambda y: self.log_density(y, beta), 0.7, draws)


def _backwards(layer: Affine) -> Float64s:
    """Z over the weights of paths from N(0, 2^2), wider than all that they pass, so that the ratio has a variance."""

    def wide(x: Float64s) -> Float64s:
        return (x**2).sum(axis=1) / 8

    draws = generator(6, "check", "snf")
    blocks: list[Block] = [layer, Langevin(lambda x: x / 4, 0.1), Metropolis(lambda x: wide(x) + 0.1 * x[:, 0], 1.0)]
    _, logs = reversed_weights(2 * draws.standard_normal((20_000, 2)), _round, blocks, wide, draws)
    return np.exp(np.log(8 * np.pi) - logs)


def _round(x: AnyArray) -> Float64s:
    return np.asarray(0.5 * (x**2).sum(axis=1) + np.log(2 * np.pi))


def _equations(one: Mixture, other: Mixture, sde: Diffusion) -> list[Truth]:
    forms: list[tuple[str, Mixture | None, float, float | None]] = [
        ("q^2", None, 2.0, None), ("q_1 q_2", other, 1.0, None), ("guided", other, 1.0, 1.5)
    ]  # fmt: skip
    return [
        Truth(0.0, _residual(one, second, beta, weight, sde), 1e-5, f"equation of the weighted particles, {name}")
        for name, second, beta, weight in forms
    ]


def _residual(one: Mixture, other: Mixture | None, beta: float, weight: float | None, sde: Diffusion) -> float:
    """How far weighted particles are from following the density made of q_t, at 40 places and one time.

    With p = exp(sum of c_k log q_k) in reversed time: -d log p / dt = -div v - v grad log p + g^2 / 2 (laplace log p +
    |grad log p|^2) + rate, drift v and rate being those of the corrector; derivatives by central differences.
    """
    import torch

    mixtures = [one] if other is None else [one, other]
    powers = np.array([beta] if other is None else [1.0, 1.0] if weight is None else [1 - weight, weight])
    time, h = 0.3, 1e-4
    at_time = torch.full((40,), time, dtype=torch.float64)
    factor, square = (float(term[0]) for term in sde.terms(at_time))
    scores = [diffused.score(m, sde) for m in mixtures]

    def seen(x: Float64s) -> tuple[Float64s, Float64s, Float64s]:
        at = [score(torch.as_tensor(x), at_time).numpy() for score in scores]
        return (*terms(x, at, factor, square, beta, weight), np.tensordot(powers, np.stack(at), 1))

    def log_p(when: float, x: Float64s) -> Float64s:
        parts = [diffused.log_marginal(m, sde, when)(torch.as_tensor(x)).numpy() for m in mixtures]
        return powers @ np.stack(parts)

    x = generator(0, "check", "residual").standard_normal((40, 2))
    drift, rate, slope = seen(x)
    spread, bend = np.zeros(40), np.zeros(40)
    for i, step in enumerate(h * np.eye(2)):
        (ahead, _, up), (behind, _, down) = seen(x + step), seen(x - step)
        spread += (ahead - behind)[:, i] / (2 * h)
        bend += (up - down)[:, i] / (2 * h)
    grown = -(log_p(time + h, x) - log_p(time - h, x)) / (2 * h)
    right = -spread - (drift * slope).sum(axis=1) + square / 2 * (bend + (slope**2).sum(axis=1)) + rate
    return float(np.abs(grown - right).max())


def _guided(one: Mixture, other: Mixture, weight: float) -> float:
    """Log of the integral of q_1^(1 - w) q_2^w for two round Gaussians, in closed form."""
    variances = np.array([m.covariances[0, 0, 0] for m in (one, other)])
    means = np.concatenate([one.means, other.means])
    pull = np.array([1 - weight, weight]) / variances
    centre = pull @ means / pull.sum()
    peak = -0.5 * pull @ ((means - centre) ** 2).sum(axis=1)
    return float(peak - np.array([1 - weight, weight]) @ np.log(2 * np.pi * variances) + np.log(2 * np.pi / pull.sum()))


def _share(logs: Float64s, values: AnyArray) -> float:
    weights = np.exp(logs - logs.max())
    return float(weights @ values / weights.sum())
