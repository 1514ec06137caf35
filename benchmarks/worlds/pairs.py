"""Worlds of predicted pairs of answers."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, softmax

from bench.records import Paired
from benchmarks.worlds.world import NOTHING, Rng, World, names, normal

REACH = 0.7  # by how much of the least probability at most the truth lies off


def _pairs(rng: Rng, n: int, clustered: bool, admitted: float) -> Paired:
    """Three answers: the truth is the first answer's law plus or minus a step, which of both the model doesn't know."""
    side, belief = normal(rng, n, clustered, 2).T
    first = softmax(rng.normal(size=(n, 3)), axis=1)
    step = rng.normal(size=(n, 3))
    step -= step.mean(axis=1, keepdims=True)
    step *= (REACH * rng.random(n) * (first / np.abs(step)).min(axis=1))[:, None]
    truth = first + np.sign(side)[:, None] * step
    # Honest, the model's law of pairs is the mean of both truths'.
    share = np.ones(n) if admitted == 1 else admitted * (1 + belief / np.sqrt(1 + belief**2)) - 0.1
    joint = first[:, :, None] * first[:, None] + share[:, None, None] * step[:, :, None] * step[:, None]
    u = ndtr(normal(rng, n, clustered, 2))
    labels, second = (np.minimum((each[:, None] > np.cumsum(truth, axis=1)).sum(axis=1), 2) for each in u.T)
    return Paired(logits=np.log(first), labels=labels, joint=joint, second=second, truth=truth, **names(n, clustered))


def honest_pairs(rng: Rng, n: int, clustered: bool) -> Paired:
    """A model that knows how little it knows."""
    return _pairs(rng, n, clustered, 1.0)


def sure_pairs(rng: Rng, n: int, clustered: bool) -> Paired:
    """A model that admits two fifths of its ignorance on average, and of some questions less than none."""
    return _pairs(rng, n, clustered, 0.5)


HONEST = {"pair-bias": 0.0, "second-order-error": 0.0, "pair-coverage": 1.0}
WORLDS = (
    World("honest pairs", honest_pairs, HONEST, left_out=frozenset(NOTHING)),
    World("sure pairs", sure_pairs, left_out=frozenset(NOTHING)),
)
