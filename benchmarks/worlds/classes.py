"""Worlds of classifiers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.records import Classification
from benchmarks.worlds.world import NOTHING, Rng, World, names, normal


def _classes(rng: Rng, n: int, clustered: bool, sharpness: float) -> Classification:
    """Three classes whose probabilities are the softmax of z; the logits are z times the sharpness."""
    from scipy.special import ndtr

    z = 1.5 * normal(rng, n, clustered, 3)
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    u = ndtr(normal(rng, n, clustered)[:, 0])
    labels = np.minimum((u[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 2)
    return Classification(logits=sharpness * z, labels=labels, **names(n, clustered))


def calibrated(rng: Rng, n: int, clustered: bool) -> Classification:
    """Confidences that are kept."""
    return _classes(rng, n, clustered, 1.0)


def overconfident(rng: Rng, n: int, clustered: bool) -> Classification:
    """Twice the logits that there should be."""
    return _classes(rng, n, clustered, 2.0)


def ensembles(rng: Rng, n: int, clustered: bool) -> Classification:
    """Three members that err about the logits on their own; the true probabilities are given."""
    from scipy.special import log_softmax, softmax

    record = _classes(rng, n, clustered, 1.0)
    z = np.asarray(record.logits)
    members = log_softmax(z[:, None] + 0.7 * rng.normal(size=(n, 3, 3)), axis=2)
    logits = np.log(np.exp(members).mean(axis=1))
    return replace(record, logits=logits, members=members, truth=softmax(z, axis=1))


def sets(rng: Rng, n: int, clustered: bool) -> Classification:
    """Eight classes; a set holds all whose probability is a tenth at least, and promises nine tenths."""
    from scipy.special import ndtr, softmax

    z = 1.5 * normal(rng, n, clustered, 8)
    p = softmax(z, axis=1)
    u = ndtr(normal(rng, n, clustered)[:, 0])
    labels = np.minimum((u[:, None] > np.cumsum(p, axis=1)).sum(axis=1), 7)
    origin = rng.choice(["a", "b", "c"], n)
    return Classification(
        logits=z, labels=labels, sets=p >= 0.1, level=0.9, dataset=origin, features=z[:, :2], **names(n, clustered)
    )


CALIBRATED = dict.fromkeys(NOTHING, 0.0) | {"cox-slope": 1.0}
WORLDS = (
    World("calibrated", calibrated, CALIBRATED),
    World("overconfident", overconfident),
    World("ensembles", ensembles, left_out=frozenset(NOTHING)),
    World("sets", sets, left_out=frozenset({*NOTHING, "nll", "brier", "accuracy"})),
)
