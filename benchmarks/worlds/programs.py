"""Worlds of programs and sets of programs."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from bench.records import Programs
from benchmarks.worlds.world import Rng, World, names, normal, ragged

MATCH, HOLD = 0.4, 0.9


def programs(rng: Rng, n: int, clustered: bool) -> Programs:
    """Two programs in five are right; nine sets in ten hold the right one, and leave a quarter open."""
    match, hold, open_ = normal(rng, n, clustered, 3).T
    return Programs(
        program=np.full(n, "x = 1", dtype=object),
        target=np.full(n, "x = 1", dtype=object),
        starts=ragged(np.tile(np.array([0, 2, 4]), (n, 1))),
        logprobs=ragged(-rng.exponential(size=(n, 3))),
        matches=match < ndtri(MATCH),
        holds=hold < ndtri(HOLD),
        left_out=ndtr(open_) ** 3,
        level=HOLD,
        confidence=0.9,
        **names(n, clustered),
    )


KNOWN = {"program-match": MATCH, "program-coverage": HOLD, "nodes-left-out": 0.25}
WORLDS = (World("programs", programs, KNOWN),)
