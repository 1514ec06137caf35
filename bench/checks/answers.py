"""Conformal sets of generated answers on draws whose law is known."""

from __future__ import annotations

import numpy as np

from bench.arrays import Ragged
from bench.checks.generations import pool
from bench.components import Truth, check
from bench.conformal.answers import answer_sets, nonconformity
from bench.records import Generations

ALPHA = 0.2


def _world(rng: np.random.Generator, n: int) -> Generations:
    """Prompts of eight draws among four answers, the right one with a chance of its own."""
    chance = rng.uniform(0.1, 0.9, n)
    right = rng.random((n, 8)) < chance[:, None]
    texts = np.where(right, "w", rng.choice(["x", "y", "z"], (n, 8)))
    return pool(texts.tolist(), target=np.full(n, "w", dtype=object))


@check(
    "uncertainty/answer-sets",
    area="uncertainty",
    source="exchangeable prompts: coverage between 1 - alpha and that with ties; worked shares",
)
def answer_conformal() -> list[Truth]:
    """Coverage over 40 calibrations of 100 prompts, against the law of the scores, and sets by hand."""
    rng = np.random.default_rng(0)
    world = _world(rng, 4000)
    scores = nonconformity(world)
    held, expected = [], []
    for _ in range(40):
        rows = rng.permutation(len(world))
        found = answer_sets(world.take(rows[:100]), world.take(rows[100:500]), ALPHA)
        held.append(float(found.covered.mean()))
        expected.append(float((scores <= found.limit + 1e-12).mean()))
    texts = [["Oslo", "oslo.", "Rome", "Bonn"]]
    by_hand = pool(texts, target=np.array(["Oslo"], dtype=object), answers=Ragged.of(texts, object))
    sets = answer_sets(pool([["q", "q", "r", "s"]] * 9, target=np.full(9, "q", dtype=object)), by_hand, ALPHA)
    return [
        Truth(1, float(np.mean(held) >= 1 - ALPHA - 0.02), 0, f"coverage {np.mean(held):.3f} is at least 1 - alpha"),
        Truth(float(np.mean(expected)), float(np.mean(held)), 0.015, "coverage by the law of the scores"),
        Truth(0.5, sets.limit, 1e-12, "limit by hand"),
        Truth(1, float(sets.sizes[0]), 0, "answers in the set by hand"),
        Truth(1, float(sets.covered[0]), 0, "and the right one is"),
    ]
