"""Worlds of pools of generations, and of answers about time series."""

from __future__ import annotations

import json

import numpy as np
from scipy.special import ndtr

from bench.arrays import Bools, Floats
from bench.records import Generations
from bench.references.series import affinity
from benchmarks.worlds.world import Rng, World, names, normal, ragged

POOL = 8
RATES = np.array([0.2, 0.5, 0.8])  # of right generations: of a third of the prompts each
PASSES, SLIPS = 0.9, 0.4  # chances of a right and of a wrong generation to pass the verifier


def verified(rng: Rng, n: int, clustered: bool) -> Generations:
    """Eight generations a prompt, right at one of three rates; a verifier passes 0.9 of these and 0.4 of the others."""
    z = normal(rng, n, clustered, 2).T
    rate = RATES[np.minimum((3 * ndtr(z[0])).astype(int), 2)]
    right = rng.random((n, POOL)) < rate[:, None]
    answers = np.where(right, "a", rng.choice(["b", "c", ""], (n, POOL))).astype(object)
    asked = np.exp(0.5 * z[1] - 0.125)
    return Generations(
        answer=answers[:, 0],
        correct=right[:, 0],
        confidence=right.mean(axis=1),
        text=ragged(answers),
        logprob=ragged(-rng.exponential(size=(n, POOL))),
        tokens=ragged(rng.integers(5, 60, (n, POOL))),
        answers=ragged(answers),
        corrects=ragged(right),
        passes=ragged(rng.random((n, POOL)) < np.where(right, PASSES, SLIPS)),
        calls=rng.poisson(4 * asked),
        checks=rng.poisson(2 * asked),
        **names(n, clustered),
    )


def _verified() -> dict[str, float]:
    """Means over the three rates.  Votes of four of the eight; the rest is what these are held to."""
    p = RATES
    hit, miss = PASSES * p, SLIPS * (1 - p)
    none = (1 - hit - miss) ** POOL
    gains = (hit - miss)[:, None] * (1 - (1 - hit - miss)[:, None] ** np.arange(POOL + 1)) / (hit + miss)[:, None]
    return {
        "calls-per-answer": 6.0,
        "maj-at-k": p.mean(),
        "estimation-error": (p * (1 - p)).mean() / 4,
        "model-error": ((1 - p) ** 2).mean(),
        "reasoning-error": ((1 - p) ** 2 + p * (1 - p) / 4).mean(),
        "verifier-fpr": SLIPS,
        "resample-ceiling": float((1 - none) @ (hit / (hit + miss)) / (1 - none).sum()),
        "resample-right": hit.mean(),
        "resample-wrong": miss.mean(),
        "resample-best-k": float(gains.mean(axis=0).argmax()),
    }


LENGTH = 50
GOLD = (20, 25)
WIDTH, SHIFT, UNREAD = 9, 6, 0.1  # samples marked; how far off these are at most; answers that mark none


def _marks(first: int, last: int) -> Bools:
    place = np.arange(LENGTH)
    return (place >= first) & (place <= last)


def series(rng: Rng, n: int, clustered: bool) -> Generations:
    """Answers that mark nine of fifty samples, up to six too far on or back, of which six are anomalous; or nothing."""
    z = normal(rng, n, clustered)[:, 0]
    shift = np.minimum((ndtr(z) * (2 * SHIFT + 1)).astype(int), 2 * SHIFT) - SHIFT
    said = np.array([json.dumps([[GOLD[0] + s, GOLD[0] + s + WIDTH - 1]]) for s in range(-SHIFT, SHIFT + 1)] + ["?"])
    answer = said[np.where(rng.random(n) < UNREAD, -1, shift + SHIFT)].astype(object)
    target = json.dumps({"gold": [list(GOLD)], "times": list(range(LENGTH)), "ordered": True})
    return Generations(
        answer=answer,
        correct=np.zeros(n, dtype=bool),
        confidence=np.full(n, 0.5),
        text=ragged(answer[:, None]),
        logprob=ragged(np.full((n, 1), -1.0)),
        tokens=ragged(np.full((n, 1), 5)),
        target=np.full(n, target, dtype=object),
        **names(n, clustered),
    )


def _series() -> dict[str, float]:
    """Means over the thirteen shifts, by counting what is common; of affinities by what these are of each shift."""
    gold, readable = _marks(*GOLD), 1 - UNREAD
    marked = [_marks(GOLD[0] + s, GOLD[0] + s + WIDTH - 1) for s in range(-SHIFT, SHIFT + 1)]
    common = np.array([(m & gold).sum() for m in marked])
    near = np.array([affinity(m, gold) for m in marked])
    plain = np.stack([common / WIDTH, common / gold.sum()], axis=1)
    return {
        f"{name}-{part}": readable * float(values.mean())
        for name, pairs in (("series", plain), ("affinity", near))
        for part, values in (("precision", pairs[:, 0]), ("recall", pairs[:, 1]), ("f1", _f1(pairs)))
    }


def _f1(pairs: Floats) -> Floats:
    total = pairs.sum(axis=1)
    return np.divide(2 * pairs.prod(axis=1), total, out=np.zeros(len(pairs)), where=total > 0)


VERIFIED, SERIES = _verified(), _series()
WORLDS = (
    World("verified generations", verified, VERIFIED, only=frozenset(VERIFIED)),
    World("answers about series", series, SERIES, only=frozenset(SERIES)),
)
