"""Worlds of reasoning: what its steps do, where a chain is lost, and what intermediate variables are worth."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bench.arrays import Ragged
from bench.records import Chains, Conditionals, Rollouts
from benchmarks.worlds.world import Rng, World, names, normal

TRACES, VARIABLES = 20, 5
STEPS = np.arange(2, 7)


def chains(rng: Rng, n: int, clustered: bool) -> Chains:
    """Two to six steps that lower the entropy by even parts, with noise; where they lower it more, more are right."""
    z = normal(rng, n, clustered, 4).T
    steps = STEPS[(len(STEPS) * ndtr(z[2])).astype(int)]
    row = np.repeat(np.arange(n), steps + 1)
    offsets = np.concatenate([[0], np.cumsum(steps + 1)])
    place = (np.arange(len(row)) - offsets[row]) / steps[row]
    falls = 1 + ndtr(z[0])
    return Chains(
        entropy=Ragged(4 - falls[row] * place + rng.uniform(-0.3, 0.3, len(row)), offsets),
        nll=Ragged(5 - 3 * falls[row] * place + np.exp(0.5 * z[3])[row] * (place == 1), offsets),
        correct=z[1] < z[0] + 0.2 * (steps - STEPS.mean()),
        tokens=np.round(30 * steps * np.exp(0.3 * rng.normal(size=n))).astype(int),
        text=np.full(n, "t", dtype=object),
        **names(n, clustered),
    )


def rollouts(rng: Rng, n: int, clustered: bool) -> Rollouts:
    """Six in ten chains of 5 to 12 tokens end wrong, a quarter of these lost from the start; 8 rollouts a prefix."""
    z = normal(rng, n, clustered, 4).T
    tokens = rng.integers(5, 13, n)
    correct, lost = ndtr(z[0]) < 0.4, ndtr(z[1]) < 0.25
    # Just before the critical token there is a right rollout at least, after it none.
    critical = np.where(lost, 0, 1 + rng.binomial(tokens - 1, ndtr(z[2] + 0.5)))
    row = np.repeat(np.arange(n), tokens + 1)
    offsets = np.concatenate([[0], np.cumsum(tokens + 1)])
    place = np.arange(len(row)) - offsets[row]
    value = rng.integers(0, 9, len(row)) / 8
    before = np.ceil(8 * ndtr(z[3])) / 8
    wrong = np.where(place < critical[row] - 1, value, np.where(place == critical[row] - 1, before[row], 0.0))
    return Rollouts(
        value=Ragged(np.where(correct[row], np.where(place == tokens[row], 1.0, value), wrong), offsets),
        correct=correct,
        text=np.full(n, "t", dtype=object),
        rollouts=8,
        **names(n, clustered),
    )


def conditionals(rng: Rng, n: int, clustered: bool) -> Conditionals:
    """Probabilities from 0.1 to 0.9 about a marginal of one half; answers at once lie half-way, others are of draws."""
    z = normal(rng, n, clustered, 2).T
    truth = 0.1 + 0.8 * ndtr(z[0])
    return Conditionals(
        truth=truth,
        marginal=np.full(n, 0.5),
        direct=0.5 * truth + 0.25,
        scaffolded=rng.binomial(TRACES, truth) / TRACES,
        free=rng.binomial(TRACES, 0.8 * truth + 0.1) / TRACES,
        negative=rng.binomial(TRACES, 0.5, n) / TRACES,
        mentioned=rng.binomial(VARIABLES, ndtr(z[1] + 0.5)) / VARIABLES,
        **names(n, clustered),
    )


CHAINS = {
    "entropy-reduction": 1.5,
    "entropy-slope": -1.5 * float((1 / STEPS).mean()),
    "nll-reduction": 4.5 - np.exp(0.125),
}
ROLLOUTS = {"critical-share": 0.75, "critical-place": ndtr(0.5 / np.sqrt(2)), "critical-drop": 4.5 / 8}
SQUARE = 0.8**2 / 12  # mean squared distance of the truth from the marginal
CONDITIONALS = {
    "mse-marginal": SQUARE,
    "mse-direct": SQUARE / 4,
    "mse-scaffolded": (0.25 - SQUARE) / TRACES,
    "mse-free": 0.04 * SQUARE + (0.25 - 0.64 * SQUARE) / TRACES,
    "mse-negative": SQUARE + 0.25 / TRACES,
    "reasoning-gap": SQUARE / 4 - (0.25 - SQUARE) / TRACES,
    "intermediate-relevance": ndtr(0.5 / np.sqrt(2)),
}
WORLDS = (
    World("chains", chains, CHAINS),
    World("rollouts", rollouts, ROLLOUTS),
    World("conditionals", conditionals, CONDITIONALS),
)
