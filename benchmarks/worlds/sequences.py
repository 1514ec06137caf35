"""Worlds of words and events: last words, continuations, and models that learn from their own texts."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bench.records import Collapses, Continuations
from bench.records.last_words import LastWords
from benchmarks.worlds.world import Rng, World, names, normal, ragged


def last_words(rng: Rng, n: int, clustered: bool) -> LastWords:
    """Words of two tokens, six in ten of which are the likeliest."""
    return LastWords(
        logprobs=ragged(-rng.exponential(size=(n, 2))),
        bytes=np.full(n, 6),
        greedy=ndtr(normal(rng, n, clustered)[:, 0]) < 0.6,
        **names(n, clustered),
    )


def continuations(rng: Rng, n: int, clustered: bool) -> Continuations:
    """Skewed distances and counts; half an event too much is drawn in the mean."""
    z = normal(rng, n, clustered, 4).T
    return Continuations(
        distance=2 * np.exp(0.6 * z[0]),
        spread=np.exp(0.4 * z[0] + 0.3 * z[1]),
        drawn=5.5 * np.exp(0.3 * z[2] - 0.045),
        came=rng.poisson(5 * np.exp(0.4 * z[3] - 0.08)),
        draws=10,
        **names(n, clustered),
    )


def collapses(rng: Rng, n: int, clustered: bool) -> Collapses:
    """Chains of three refits that lose three tenths of the variety of words, and a tenth of that of pairs."""
    z = normal(rng, n, clustered, 4)
    u = ndtr(z)
    done = np.arange(4) / 3  # of the way
    share = 0.8 + 0.2 * rng.random((n, 2))
    return Collapses(
        differ=share[:, :1] * (1 - 0.6 * u[:, :1] * done),
        distinct=share[:, 1:] * (1 - 0.2 * u[:, 1:2] * done),
        zipf=-1 + 0.1 * rng.normal(size=(n, 1)) - (0.3 + 0.2 * z[:, 2:3]) * done,
        nll=3 + 0.3 * rng.normal(size=(n, 1)) + 0.4 * np.exp(0.7 * z[:, 3:] - 0.245) * done,
        **names(n, clustered),
    )


LAST_WORDS = {"last-word-accuracy": 0.6}
CONTINUATIONS = {
    "transport-distance": 2 * np.exp(0.18),
    "transport-score": 2 * np.exp(0.18) - np.exp(0.125) / 2,
    "count-bias": 0.5,
}
COLLAPSES = {"collapse-diversity": 0.7, "collapse-distinct": 0.9, "collapse-zipf": -0.3, "collapse-nll": 0.4}
WORLDS = (
    World("last words", last_words, LAST_WORDS, only=frozenset(LAST_WORDS)),
    World("continuations", continuations, CONTINUATIONS),
    World("collapses", collapses, COLLAPSES),
)
