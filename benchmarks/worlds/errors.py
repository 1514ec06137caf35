"""Worlds of scores of uncertainty, held against wrong answers."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from bench.records.detection import Errors
from benchmarks.worlds.world import Rng, World, names, normal


def _errors(rng: Rng, n: int, clustered: bool, turn: float) -> Errors:
    """Answers are wrong with chance u, the score's rank; it is `turn` from which on scores fall again.

    Lengths go with the ranks, in steps so small that hardly any tie.
    """
    z = normal(rng, n, clustered, 4).T
    u = ndtr(z[0])
    return Errors(
        scores=np.where(u > turn, turn - u, u),
        positive=ndtr(z[1]) < u,
        tokens=np.round(1000 * np.exp(0.5 * (0.6 * z[0] + 0.8 * z[2]))),
        deferred=ndtr(z[3]) < 0.7,
        **names(n, clustered),
    )


def errors(rng: Rng, n: int, clustered: bool) -> Errors:
    """A score whose rank is the chance of a wrong answer; another model is right in seven of ten, whatever it is."""
    return _errors(rng, n, clustered, 1.0)


def turned_errors(rng: Rng, n: int, clustered: bool) -> Errors:
    """The same but for the most uncertain fifth, to whose answers the score gives the lowest values."""
    return _errors(rng, n, clustered, 0.8)


KNOWN = {
    # At coverage c the risk is c / 2, of the best order 1 - 1 / (2 c) from c = 1/2 on, of chance 1/2.
    "prr": 1 / (2 * math.log(2)),
    "deferral-area": 1 / 3 + 0.7 / 2,
    "deferral-gain": 1 / 3 + 0.7 / 2 - (0.5 + 0.7) / 2,
    "length-bias": 6 / math.pi * math.asin(0.6 / 2),
    "rank-calibration-error": 0.0,
}
TURNED = {"rank-calibration-error": 32 / 90}  # ranks 10, 9 and 1 to 8 of ten bins, of which each has nine others
WORLDS = (
    World("errors", errors, KNOWN, only=frozenset(KNOWN)),
    World("turned errors", turned_errors, TURNED, only=frozenset(TURNED)),
)
