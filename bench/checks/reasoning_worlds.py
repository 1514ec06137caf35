"""Posteriors of small worlds by hand, by enumeration and by weighted draws."""

from __future__ import annotations

import math
from random import Random

import numpy as np

from bench.arrays import Float64s, Ints, Ragged
from bench.checks.cases import exact, ids, measured
from bench.components import Truth, check
from bench.procedural.worlds import DOMAINS, Variable, outcomes, posterior, weighted
from bench.records import Choices
from bench.tasks.reasoning.worlds import SOURCE, worlds


@check("reasoning/worlds", area="reasoning", source=f"Bayes' rule by hand; {SOURCE}")
def by_enumeration() -> list[Truth]:
    """Bayes' table, explaining away, likelihood weighting, an oracle without regret, and a coin's regret."""
    world = (
        Variable("ill", (0, 1), lambda _: (0.99, 0.01)),
        Variable("test", (0, 1), lambda s: (0.1, 0.9) if s["ill"] else (0.95, 0.05)),
    )
    by_hand = 0.01 * 0.9 / (0.01 * 0.9 + 0.99 * 0.05)
    found = posterior(world, lambda s: s["ill"] == 1, [lambda s: s["test"] == 1])
    draws = 20_000
    estimate = weighted(world, lambda s: s["ill"] == 1, {"test": 1}, draws, Random("weighted"))
    examples = worlds(0, questions=400)
    truth = np.asarray(examples.truth)
    labels = np.asarray(examples.targets)
    right = truth[np.arange(len(labels)), labels]
    oracle = _record(truth, labels, truth)
    coin = _record(np.full_like(truth, 0.5), labels, truth)
    try:
        posterior(world, lambda _: True, [lambda s: s["test"] == 2])
        refused = 0
    except ValueError:
        refused = 1
    spread = math.sqrt(float((truth.prod(axis=1)).sum())) / len(labels)
    return [
        exact(1.0, sum(p for _, p in outcomes(world)), "outcomes sum to one"),
        exact(by_hand, found, "a test for a rare illness"),
        # Of a draw that is ill with chance 0.01 and weighs 0.9 or 0.05: a standard error of 0.0092 by the delta method.
        Truth(by_hand, estimate, 4.5 * _error(draws), "likelihood weighting"),
        exact(0.0, measured("choice-kl-p", oracle), "regret of who knows"),
        exact(float((((truth - 0.5) ** 2).sum(axis=1) / 2).mean()), measured("choice-mse-p", coin), "error of a coin"),
        Truth(float((truth[:, 1]).mean()), float(labels.mean()), 4.5 * spread, "outcomes follow their probabilities"),
        exact(float(-np.log(right).mean()), measured("choice-nll", oracle), "log score of who knows"),
        Truth(1, refused, 0, "impossible evidence is refused"),
        Truth(len(DOMAINS), len(set(np.asarray(examples.dataset).tolist())), 0, "domains"),
    ]


def _error(draws: int) -> float:
    """Standard error of likelihood weighting for the rare illness: of the ratio of two weighted means."""
    p, high, low = 0.01, 0.9, 0.05
    mean = p * high + (1 - p) * low
    ratio = p * high / mean
    variance = p * (high * (1 - ratio)) ** 2 + (1 - p) * (low * ratio) ** 2
    return math.sqrt(variance / draws) / mean


def _record(probs: Float64s, labels: Ints, truth: Float64s) -> Choices:
    with np.errstate(divide="ignore"):
        logs = np.log(probs)
    return Choices(
        ids=ids(len(probs)),
        labels=labels,
        loglik=Ragged.of(list(logs), np.float64),
        truth=Ragged.of(list(truth), np.float64),
    )
