"""Rows in the order of a score, ties together: sorted once for any number of weightings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.errors import RecordError
from bench.latest import frozen
from bench.metrics.order import descending


@dataclass(frozen=True, eq=False)
class Ranked:
    """Weight of hits and of misses at each of K distinct scores, the highest score first; each (B, K)."""

    hits: Float64s
    misses: Float64s

    @cached_property
    def found(self) -> Float64s:
        """Weight of hits at that score and above, (B, K)."""
        return np.cumsum(self.hits, axis=1)

    @cached_property
    def wrong(self) -> Float64s:
        """Weight of misses at that score and above, (B, K)."""
        return np.cumsum(self.misses, axis=1)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in descending order of score, the hits first among equals, gathered in parts of one kind and in K steps.

    rows: (n,), their positions.  starts: (Q,), where in that order each part begins.  hit: (Q,), whether a part holds
    hits.  step: (Q,), the step of each part, 0 .. K - 1.  A step is one distinct score, or, where runs are merged, all
    scores in a row that hold hits only, or misses only: within such a run, what is not in it does not change.
    """

    rows: Ints
    starts: Ints
    hit: Bools
    step: Ints

    def weigh(self, w: Float64s) -> Ranked:
        """The steps under weights (B, n)."""
        if w.strides[1] == 0 and len(self.rows):  # all rows weigh the same
            parts = np.diff(self.starts, append=len(self.rows))[:, None] * w.T[:1]
        else:
            # Weights of one row stand side by side (see `bench.stats.bootstrap`), so rows are moved whole.
            parts = w.T[self.rows]
            if len(self.starts) < len(self.rows):
                parts = np.add.reduceat(parts, self.starts, axis=0)
        steps = int(self.step[-1]) + 1 if len(self.step) else 0
        hits, misses = np.zeros((2, steps, len(w)))
        hits[self.step[self.hit]] = parts[self.hit]
        misses[self.step[~self.hit]] = parts[~self.hit]
        return Ranked(hits.T, misses.T)


def ranking(scores: Float64s, hit: Bools, *, merge_hits: bool = False, merge_misses: bool = False) -> Ranking:
    """The order of rows (n,) by score.  Infinite scores are in order; NaN raises `RecordError`.

    merge_hits, merge_misses: whether scores in a row that hold only hits, only misses, become one step.
    """
    if np.isnan(scores).any():
        row = int(np.argmax(np.isnan(scores)))
        raise RecordError(
            f"the score of row {row} is NaN",
            cause=f"{int(np.isnan(scores).sum())} of {len(scores)} rows cannot be ranked",
            fix="mend the score, or leave these rows out",
        )
    rows = descending(scores, hit)
    in_order, hit = scores[rows], hit[rows]
    first = np.ones(len(rows), dtype=bool)  # of its score
    np.not_equal(in_order[1:], in_order[:-1], out=first[1:])
    del in_order
    # A score's hits stand first, so it holds a hit where its first row is one, and a miss where its last is one.
    has_hit, has_miss = hit[first], ~hit[np.append(first[1:], True)] if len(rows) else hit
    joins = np.zeros(len(has_hit), dtype=bool)  # the step of the score above
    for merge, kind, other in ((merge_hits, has_hit, has_miss), (merge_misses, has_miss, has_hit)):
        if merge:
            joins[1:] |= (kind & ~other)[1:] & (kind & ~other)[:-1]
    first[first] = ~joins  # now of its step
    begins = first.copy()
    begins[1:] |= hit[1:] != hit[:-1]
    starts = np.flatnonzero(begins)
    step = np.cumsum(first[starts]) - 1
    return Ranking(*(frozen(x) for x in (rows, starts, hit[starts], step)))


def ranked(scores: Float64s, hit: Bools, w: Float64s) -> Ranked:
    """Rows (n,) in descending order of score under weights (B, n), rows of equal score together.

    Infinite scores are in order; NaN raises `RecordError`.
    """
    return ranking(scores, hit).weigh(w)
