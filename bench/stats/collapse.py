"""Telling machine-made texts from people's, and watching models that learn from their own texts collapse.

Source: Drayson, Yilmaz and Lampos 2025, arXiv:2502.15654; closed forms of a chain of refits by elementary probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.ngrams import counts

PAPER = "Machine-generated text detection prevents language model collapse"


@dataclass(frozen=True)
class Detector:
    """A fitted detector: the probability that a text is a machine's."""

    model: Any

    def log_odds(self, texts: Sequence[str]) -> Float64s:
        """Log P(machine | text) / P(human | text), nats, (n,)."""
        return np.asarray(self.model.decision_function(counts(texts)), dtype=np.float64)

    def weights(self, texts: Sequence[str], bound: float = 20.0) -> Float64s:
        """P(human | text) / P(machine | text), at most `bound`, mean 1, (n,): which texts to learn from."""
        odds = np.minimum(np.exp(-self.log_odds(texts)), bound)
        return np.asarray(odds / odds.mean(), dtype=np.float64)


def detector(texts: Sequence[str], machine: Bools, strength: float = 1.0) -> Detector:
    """Logistic regression on hashed words and pairs of words.  machine: (n,), which of the n texts are a machine's."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(machine)) < 2:
        raise UsageError("a detector cannot be fitted", cause="all texts are of one kind", fix="give both kinds")
    return Detector(LogisticRegression(C=strength, max_iter=2000).fit(counts(texts), machine))


@dataclass(frozen=True)
class Diversity:
    """Of a generation's texts: share of distinct n-grams (1, 2), and the slope of log frequency on log rank."""

    distinct_1: float
    distinct_2: float
    zipf: float


def diversity(texts: Sequence[str]) -> Diversity:
    """How varied texts are.  Words are separated by whitespace; the slope is least squares over all words' ranks."""
    words = [text.split() for text in texts]
    single = [word for row in words for word in row]
    pairs = [pair for row in words for pair in pairwise(row)]
    _, frequency = np.unique(np.array(single), return_counts=True)
    ordered = np.sort(frequency)[::-1].astype(np.float64)
    rank = np.log(np.arange(1, len(ordered) + 1))
    slope = float(np.polyfit(rank, np.log(ordered), 1)[0]) if len(ordered) > 1 else 0.0
    return Diversity(len(ordered) / max(len(single), 1), len(set(pairs)) / max(len(pairs), 1), slope)


def repetition(texts: Sequence[str]) -> float:
    """Chance that two different places of the texts hold one word, without bias; 1 where there are no two places."""
    _, counts = np.unique([word for text in texts for word in text.split()], return_counts=True)
    total = int(counts.sum())
    return float((counts * (counts - 1)).sum() / (total * (total - 1))) if total > 1 else 1.0


def refits(probs: Float64s, size: int, generations: int, chains: int, seed: int) -> Float64s:
    """Chains of a categorical distribution refitted to `size` of its own draws, (generations + 1, chains, categories).

    The expected chance that two draws differ, 1 - sum p^2, falls by (1 - 1 / size) a generation, exactly.
    """
    draws = generator(seed, "refits")
    out = np.empty((generations + 1, chains, len(probs)))
    out[0] = probs
    for g in range(generations):
        out[g + 1] = draws.multinomial(size, out[g]) / size
    return out
