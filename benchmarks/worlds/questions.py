"""Worlds of questions with choices: of which the true probabilities are known, or asked in several orders."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bench.records import Choices
from benchmarks.worlds.world import SIZE, Rng, World, names, normal, ragged

OF_TRUTH, OF_ORDERS = frozenset({"choice-mse-p", "choice-kl-p"}), frozenset({"order-flip-rate"})
FAVOURED = np.array([0.4, 0.7, 0.95])  # share of orders in which the favourite is chosen: of a third of the questions


def known_chances(rng: Rng, n: int, clustered: bool) -> Choices:
    """Four choices whose true probabilities are known; the model's logits are off by half a standard deviation."""
    from scipy.special import log_softmax, softmax

    z = normal(rng, n, clustered, 4)
    truth = softmax(z, axis=1)
    labels = np.minimum((rng.random((n, 1)) > np.cumsum(truth, axis=1)).sum(axis=1), 3)
    loglik = log_softmax(z + 0.5 * normal(rng, n, clustered, 4), axis=1)
    return Choices(labels=labels, loglik=ragged(loglik), truth=ragged(truth), **names(n, clustered))


def orders(rng: Rng, n: int, clustered: bool) -> Choices:
    """Questions of four choices, each asked in two orders, or as a cluster in ten; each order is answered by itself."""
    asked = SIZE if clustered else 2
    question = np.arange(n) // asked
    favoured = FAVOURED[np.minimum((3 * ndtr(rng.normal(size=n))).astype(int), 2)][question]
    answer = np.where(rng.random(n) < favoured, 0, rng.integers(1, 4, n))
    order = rng.permuted(np.tile(np.arange(4), (n, 1)), axis=1)
    return Choices(
        labels=(order == 0).argmax(axis=1),
        loglik=ragged(np.where(order == answer[:, None], -1.0, -2.0)),
        order=ragged(order),
        ids=np.arange(n).astype(np.str_),
        groups=question.astype(np.str_),
    )


FLIPS = {"order-flip-rate": float((1 - FAVOURED**2 - (1 - FAVOURED) ** 2 / 3).mean())}
WORLDS = (
    World("known chances of choices", known_chances, only=OF_TRUTH),
    World("orders of choices", orders, FLIPS, only=OF_ORDERS),
)
