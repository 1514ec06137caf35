"""Worlds of scores."""

from __future__ import annotations

from scipy.special import ndtri

from bench.records.detection import Detection
from benchmarks.worlds.world import Rng, World, names, normal


def scores(rng: Rng, n: int, clustered: bool) -> Detection:
    """One row in three is positive, by a threshold on what it shares with its cluster; its score is 1.5 higher."""
    positive = normal(rng, n, clustered)[:, 0] > ndtri(2 / 3)
    rows = names(n, clustered)
    return Detection(scores=normal(rng, n, clustered)[:, 0] + 1.5 * positive, positive=positive, **rows)


WORLDS = (World("scores", scores),)
