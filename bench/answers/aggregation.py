"""Sum: answers about a set from answers about its members (Ozturkler et al. 2023, ThinkSum).

Each rule takes log p(answer j | member i) as (..., I, J), normalised over j or not, and gives log p(answer j) as
(..., J), normalised.  None depends on the order of the members.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.records import log_softmax


def product(logs: Float64s) -> Float64s:
    """Every member must fit: the sum of the logs."""
    return log_softmax(_answers(logs).sum(axis=-2))


def mixture(logs: Float64s) -> Float64s:
    """Any member may speak: the log of the mean probability."""
    return log_softmax(np.logaddexp.reduce(_answers(logs), axis=-2))


def minimum(logs: Float64s) -> Float64s:
    """As good as the member that fits worst."""
    return log_softmax(_answers(logs).min(axis=-2))


def posterior(logs: Float64s, prior: Float64s) -> Float64s:
    """Bayes' rule over a latent answer: log prior (J,) plus the sum of log p(member i | answer j), (..., I, J)."""
    return log_softmax(prior + logs.sum(axis=-2))


def contrast(logs: Float64s, base: Float64s) -> Float64s:
    """What the members add to an answer's own probability: sum of log p(j | i) - log p(j), base (J,)."""
    return log_softmax((_answers(logs) - log_softmax(base)).sum(axis=-2))


def odd_one_out(logs: Float64s) -> Float64s:
    """Log-probability that each member is the one that does not share the others' answer, (..., I).

    All others have one answer z and the odd one another: the sum over z of p(not z | i) times p(z | k) over k != i.
    """
    own = _answers(logs)
    with np.errstate(divide="ignore"):
        other = np.log(-np.expm1(np.minimum(own, 0.0)))
    members = own.shape[-2]
    rest = np.stack([np.delete(own, i, axis=-2).sum(axis=-2) for i in range(members)], axis=-2)
    return log_softmax(np.logaddexp.reduce(other + rest, axis=-1))


RULES: dict[str, Callable[[Float64s], Float64s]] = {"product": product, "mixture": mixture, "minimum": minimum}


def _answers(logs: Float64s) -> Float64s:
    """Normalised over the answers."""
    return log_softmax(logs)
