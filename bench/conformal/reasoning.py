"""Class probabilities corrected by what is known of how classes and concepts hang together, and bounds on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError

MOST = 16
COLEP = "COLEP: Certifiably Robust Learning-Reasoning Conformal Prediction via Probabilistic Circuits"


@dataclass(frozen=True)
class Rule:
    """A rule that worlds obey or break: worlds (W, J) of truth values -> (W,); weight: nats for obeying it."""

    holds: Callable[[Bools], Bools]
    weight: float


def implies(premise: int, conclusion: int, weight: float) -> Rule:
    """Where variable `premise` is true, so is `conclusion`."""
    return Rule(lambda worlds: ~worlds[:, premise] | worlds[:, conclusion], weight)


def excludes(premise: int, conclusion: int, weight: float) -> Rule:
    """Where variable `premise` is true, `conclusion` is not."""
    return Rule(lambda worlds: ~worlds[:, premise] | ~worlds[:, conclusion], weight)


def worlds(variables: int) -> Bools:
    """All truth values of J variables, (2^J, J)."""
    if not 1 <= variables <= MOST:
        raise UsageError(
            f"{variables} variables are not enumerated",
            cause=f"there are 2^{variables} worlds",
            fix=f"take 1 to {MOST}",
        )
    return (np.arange(1 << variables)[:, None] >> np.arange(variables)) & 1 == 1


def corrected(probs: Float64s, rules: Sequence[Rule]) -> Float64s:
    """P(variable true | rules) of each variable, (n, J), when all were independent with `probs` (n, J) before.

    Sum over worlds that make it true of prod p^mu (1 - p)^(1 - mu) exp(sum of weights of rules obeyed), over the sum of
    all.  No rules, or weights of 0, leave the probabilities as they are.  Source: Kang et al. 2024, COLEP.
    """
    each = worlds(probs.shape[1])
    law = _law(probs, each) * _factor(each, rules)
    return np.asarray(law @ each / law.sum(axis=1, keepdims=True))


def by_knowledge(probs: Float64s, concepts: Float64s, knowledge: Sequence[str], weight: float) -> Float64s:
    """Probability of each class given the rules "class j has concept k", or has not, each of the weight, (n, C).

    probs: (n, C).  concepts: (n, K).  knowledge: for each class a 1 or 0 for each concept.  One circuit a class, of the
    class and all concepts.
    """
    out = np.empty_like(probs)
    for j, has in enumerate(knowledge):
        rules = [implies(0, k, weight) if one == "1" else excludes(0, k, weight) for k, one in enumerate(has, start=1)]
        out[:, j] = corrected(np.concatenate([probs[:, [j]], concepts], axis=1), rules)[:, 0]
    return out


def bounds(low: Float64s, high: Float64s, rules: Sequence[Rule]) -> tuple[Float64s, Float64s]:
    """Least and largest corrected probability of each variable when each probability lies within [low, high], (n, J).

    A corrected probability is a ratio of functions linear in each probability alone, so it is monotone in each, and its
    extremes lie at corners of the box: all 2^J are tried.  Exact, where the paper's bound need not be.
    """
    corners = worlds(low.shape[1])
    least, most = np.full_like(low, np.inf), np.full_like(low, -np.inf)
    for corner in corners:
        found = corrected(np.where(corner, high, low), rules)
        least, most = np.minimum(least, found), np.maximum(most, found)
    return least, most


def _law(probs: Float64s, each: Bools) -> Float64s:
    """Probability of each world before the rules, (n, W)."""
    if not ((probs >= 0) & (probs <= 1)).all():
        raise UsageError("probabilities lie outside [0, 1]", cause="worlds are weighed by them", fix="mend them")
    law = np.ones((len(probs), len(each)))
    for j in range(probs.shape[1]):
        law *= np.where(each[:, j], probs[:, j, None], 1 - probs[:, j, None])
    return law


def _factor(each: Bools, rules: Sequence[Rule]) -> Float64s:
    logs = np.zeros(len(each))
    for rule in rules:
        logs += rule.weight * rule.holds(each)
    return np.exp(logs - logs.max())
