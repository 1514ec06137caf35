"""Markov chains and particles over texts against laws that are enumerated."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import Prompt
from bench.checks.language import CONTEXT, chi_squared, paths, table, tiny_model
from bench.components import Truth, check
from bench.decoders.power import chains, log_ratio
from bench.decoders.stepping import Partial, Stepper, opened
from bench.seeds import generator

Law = dict[tuple[int, ...], float]


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
    model, alpha, moves, n = tiny_model(2), 3.0, 3, 1200
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
    asked = prompts(800)
    with opened(model, "power", asked) as session:  # type: ignore[arg-type]
        streams = [generator(2, "check", prompt.id) for prompt in asked]
        found = chains(Stepper(session, asked), streams, 1.0, 2, 2, 1.0)
    seen = Counter(tuple(chain.text.token_ids.tolist()) for chain in found)
    law = paths({past: np.exp(row) for past, row in logs.items()})
    return chi(law, seen, len(asked), "χ² of 800 chains at power 1, in blocks of two tokens")


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
