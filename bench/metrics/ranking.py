"""Rows in the order of a score, ties together: sorted once for any number of weightings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import RecordError


@dataclass(frozen=True, eq=False)
class Ranked:
    """Weight of hits and of misses at each of K distinct scores, the highest score first; each (B, K)."""

    hits: Float64s
    misses: Float64s


def ranked(scores: Float64s, hit: Bools, w: Float64s) -> Ranked:
    """Rows (n,) in descending order of score under weights (B, n), rows of equal score together.

    Infinite scores are in order; NaN raises `RecordError`.
    """
    if np.isnan(scores).any():
        row = int(np.argmax(np.isnan(scores)))
        raise RecordError(
            f"the score of row {row} is NaN",
            cause=f"{int(np.isnan(scores).sum())} of {len(scores)} rows cannot be ranked",
            fix="mend the score, or leave these rows out",
        )
    order = np.argsort(-scores, kind="stable")
    in_order = scores[order]
    starts = np.flatnonzero(np.concatenate([[True], in_order[1:] != in_order[:-1]]))
    hits, misses = w[:, order], w[:, order]
    hits *= hit[order]
    misses *= ~hit[order]
    if len(starts) < len(scores):
        hits, misses = (np.add.reduceat(x, starts, axis=1) for x in (hits, misses))
    return Ranked(hits, misses)
