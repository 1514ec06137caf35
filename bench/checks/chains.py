"""Markov chains and particles over texts against laws that are enumerated."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import simulated
from bench.checks.language import CONTEXT, chi_squared, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.particle_gibbs import Group, StepPotential, Trajectory, swap, sweep
from bench.decoders.power import chains, log_ratio
from bench.decoders.stepping import Partial, Stepper, Tempered, opened
from bench.seeds import generator

Law = dict[tuple[int, ...], float]
# Of the logarithm of a potential.
_GAIN = 0.5


def prompts(count: int) -> list[Prompt]:
    """Each token is a step of its own; the answer is the whole text."""
    return [Prompt(str(k), CONTEXT, lambda text: text or None, (), 3, step="") for k in range(count)]


def heated(logs: dict[tuple[int, ...], Float64s], temperature: float) -> dict[tuple[int, ...], Float64s]:
    """Probabilities (V,) of the next token after each past, at a temperature."""
    rows = {past: row / temperature for past, row in logs.items()}
    return {past: np.exp(row - np.logaddexp.reduce(row)) for past, row in rows.items()}


def chi(law: Law, seen: Counter[tuple[int, ...]], n: int, label: str) -> Truth:
    """Pearson's statistic of n texts against their law, within its 1e-5 quantile."""
    from scipy.special import chdtri

    statistic, freedom = chi_squared(law, seen, n)
    return Truth(freedom, statistic, float(chdtri(freedom, 1e-5)) - freedom, label)


@check("power-sampling", area="reasoning", source="Karan and Du 2025; the chain's transition matrix over all texts")
def power() -> list[Truth]:
    """The moves are in detailed balance with p^α; chains follow the law that the matrix gives them.

    The matrix holds every way to get from one text to another: where it is cut, and what is drawn from there.
    """
    model, alpha, moves, n = tiny_model(2), 3.0, 3, 400
    logs = table(model, CONTEXT)
    out = []
    for temperature in (1 / alpha, 1.0):
        drawn = heated(logs, temperature)
        target = {path: p**alpha for path, p in paths({past: np.exp(row) for past, row in logs.items()}).items()}
        texts = list(target)
        partials = [_partial(path, logs, drawn) for path in texts]
        matrix = _matrix(partials, alpha)
        law = np.array([target[path] for path in texts])
        law /= law.sum()
        flow = law[:, None] * matrix
        out.append(Truth(0.0, float(np.abs(flow - flow.T).max()), 1e-15, f"imbalance, drawn at {temperature:.3g}"))
        out.append(Truth(0.0, float(np.abs(law @ matrix - law).max()), 1e-14, "change of p^α by a move"))
        start = paths(drawn)
        after = np.array([start[path] for path in texts]) @ np.linalg.matrix_power(matrix, 2 * moves)
        asked = prompts(n)
        with opened(model, "power", asked) as session:
            streams = [generator(1, "check", prompt.id) for prompt in asked]
            found = chains(Stepper(session, asked), streams, alpha, 3, moves, temperature)
        seen = Counter(tuple(chain.text.token_ids.tolist()) for chain in found)
        out.append(
            chi(dict(zip(texts, after.tolist(), strict=True)), seen, n, f"χ² of {n} chains of {2 * moves} moves")
        )
        apart = 0.5 * float(np.abs(after - law).sum())
        cold = paths(heated(logs, 1 / alpha))
        token_wise = 0.5 * float(np.abs(np.array([cold[path] for path in texts]) - law).sum())
        out.append(Truth(1, float(apart < token_wise), 0, "nearer to p^α than drawing tokens at 1/α"))
    return [*out, _blockwise(model, logs)]


def _blockwise(model: object, logs: dict[tuple[int, ...], Float64s]) -> Truth:
    """At power 1 and temperature 1 every move is made and changes no law, whatever the blocks."""
    asked = prompts(300)
    with opened(model, "power", asked) as session:  # type: ignore[arg-type]
        streams = [generator(2, "check", prompt.id) for prompt in asked]
        found = chains(Stepper(session, asked), streams, 1.0, 2, 2, 1.0)
    seen = Counter(tuple(chain.text.token_ids.tolist()) for chain in found)
    law = paths({past: np.exp(row) for past, row in logs.items()})
    return chi(law, seen, len(asked), "χ² of 300 chains at power 1, in blocks of two tokens")


def _partial(
    path: tuple[int, ...], logs: dict[tuple[int, ...], Float64s], drawn: dict[tuple[int, ...], Float64s]
) -> Partial:
    own = tuple(float(logs[path[:k]][token]) for k, token in enumerate(path))
    proposed = tuple(math.log(drawn[path[:k]][token]) for k, token in enumerate(path))
    return Partial(0, path, own, proposed, text="")


def _matrix(partials: list[Partial], alpha: float) -> Float64s:
    """Transition probabilities between all texts, (n, n)."""
    matrix = np.zeros((len(partials), len(partials)))
    for i, old in enumerate(partials):
        for cut in range(len(old.tokens)):
            for j, new in enumerate(partials):
                if len(new.tokens) > cut and new.tokens[:cut] == old.tokens[:cut]:
                    chance = math.exp(sum(new.drawn[cut:])) / len(old.tokens)
                    kept = math.exp(min(0.0, log_ratio(old, new, cut, alpha)))
                    matrix[i, j] += chance * kept
                    matrix[i, i] += chance * (1 - kept)
    return matrix


@check("particle-gibbs", area="reasoning", source="Andrieu et al. 2010; posteriors of a tiny model, enumerated")
def gibbs() -> list[Truth]:
    """Estimates of the constant are unbiased; a sweep, and an exchange, that start from the posterior stay there.

    The potential of a step is √e if it writes the letter b and 1 otherwise; the posterior is p(text) times the product
    of them to the power β.
    """
    model, n = tiny_model(1), 250
    logs = table(model, CONTEXT)
    law = paths({past: np.exp(row) for past, row in logs.items()})
    asked = prompts(n)

    def potential(new: object) -> Float64s:
        return np.array([_GAIN * (one.now.tokens[-1] == 3) for one in new])  # type: ignore[attr-defined]

    def posterior(beta: float) -> tuple[Law, float]:
        weights = {path: p * math.exp(beta * _GAIN * path.count(3)) for path, p in law.items()}
        size = sum(weights.values())
        return {path: w / size for path, w in weights.items()}, size

    out = []
    with opened(model, "check", asked) as session:
        stepper = Stepper(session, asked)
        for temperature in (1.0, 0.7):
            groups = [Group(k, generator(3, "evidence", k)) for k in range(n)]
            clouds = sweep(stepper, groups, potential, 3, Tempered(temperature))
            sizes = np.exp([cloud.log_evidence for cloud in clouds])
            out.append(simulated(posterior(1.0)[1], sizes, f"normalising constant, proposed at {temperature}"))
        begun = _posterior_draws(stepper, n, 1.0, potential, "start")
        groups = [Group(k, generator(4, "sweep", k), 1.0, begun[k]) for k in range(n)]
        clouds = sweep(stepper, groups, potential, 3, Tempered())
        drawn = [cloud.draw(group.stream) for cloud, group in zip(clouds, groups, strict=True)]
        out.append(chi(posterior(1.0)[0], _seen(drawn), n, "χ² after a sweep from the posterior"))
        moved = sum(a.now.tokens != b.now.tokens for a, b in zip(drawn, begun, strict=True))
        out.append(Truth(1, float(moved > n // 4), 0, f"more than a quarter of the trajectories changed ({moved})"))
        cold = _posterior_draws(stepper, n, 0.25, potential, "cold")
        pairs = [swap(cold[k], begun[k], (0.25, 1.0), generator(5, "swap", k).random()) for k in range(n)]
        out.append(chi(posterior(0.25)[0], _seen([low for low, _ in pairs]), n, "χ² after exchanges, β = ¼"))
        out.append(chi(posterior(1.0)[0], _seen([high for _, high in pairs]), n, "χ² after exchanges, β = 1"))
    return out


def _seen(drawn: list[Trajectory]) -> Counter[tuple[int, ...]]:
    return Counter(one.now.tokens for one in drawn)


def _posterior_draws(stepper: Stepper, n: int, beta: float, potential: StepPotential, scope: str) -> list[Trajectory]:
    """Exact draws from the posterior: plain samples, each kept with chance potentials / their most (rejection)."""
    found: dict[int, Trajectory] = {}
    number = 0
    while len(found) < n:
        left = [k for k in range(n) if k not in found]
        groups = [Group(k, generator(6, scope, k, number)) for k in left]
        for group, cloud in zip(groups, sweep(stepper, groups, potential, 1, Tempered()), strict=True):
            one = cloud.particles[0]
            if group.stream.random() < math.exp(beta * (one.total - 3 * _GAIN)):
                found[group.prompt] = one
        number += 1
    return [found[k] for k in range(n)]
