"""Uncertainty of a predicted distribution: one number a sample, in nats, higher for more uncertain."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.estimators.weights import log_mean_exp
from bench.records import Classification, log_softmax
from bench.scores.softmax import softmax


def shannon(log_probs: Float64s) -> Float64s:
    """Entropy over the last axis, nats: -sum of p log p, where what cannot happen (p = 0) adds 0."""
    possible = np.isfinite(log_probs)
    return (np.exp(log_probs) * np.where(possible, -log_probs, 0.0)).sum(axis=-1)


def members_of(record: Classification) -> Float64s:
    """Normalised log-probabilities of the ensemble's members, (n, M, C); `NotApplicable` without two of them."""
    if record.members is None or record.members.shape[1] < 2:
        raise NotApplicable("the record has no ensemble: 'members' holds fewer than two")
    return log_softmax(record.members)


def mixture(members: Float64s) -> Float64s:
    """Log-probabilities of the equal mixture of members (n, M, C), (n, C)."""
    return log_mean_exp(members, axis=1)


def disagreement(members: Float64s) -> Float64s:
    """Mean divergence of members (n, M, C) from their mixture, nats, (n,), in [0, log M].

    Equal to the entropy of the mixture less the mean entropy, without that difference's cancellation.
    """
    mixed = mixture(members)[:, None, :]
    possible = np.isfinite(members)
    gap = np.where(possible, members, 0.0) - np.where(possible, mixed, 0.0)
    return np.maximum((np.exp(members) * gap).sum(axis=2).mean(axis=1), 0.0)


@score(
    "entropy",
    of=Classification,
    area="uncertainty",
    unit="nats",
    source="Shannon 1948",
    check="uncertainty/entropy-split",
)
def entropy(record: Classification) -> Float64s:
    """Entropy of the predicted distribution: -sum of p log p, from 0 (certain) to log C (uniform).  (n,)."""
    return softmax(record).entropy.copy()


@score(
    "mutual-information",
    of=Classification,
    area="uncertainty",
    unit="nats",
    source="Houlsby et al. 2011, Bayesian Active Learning (BALD); Gal et al. 2017",
    check="uncertainty/entropy-split",
)
def mutual_information(record: Classification) -> Float64s:
    """What an ensemble's members disagree about: entropy of their mixture less their mean entropy.  (n,), >= 0.

    Members weigh the same.  Biased low for few members: at most log M, and short of the limit by about 1 / M of it.
    """
    return disagreement(members_of(record))
