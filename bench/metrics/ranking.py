"""Rows in the order of a score, ties together: sorted once for any number of weightings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import Bools, Float64s, Ints, positions
from bench.errors import RecordError
from bench.latest import frozen
from bench.metrics.order import descending

BLOCK = 1 << 15  # steps x weightings at a time


@dataclass(frozen=True, eq=False)
class Ranked:
    """Weight of hits and of misses at each of K distinct scores in a row, the highest first; each (B, K).

    holds: the scores, of the K, that hold hits.  above: weight (B, 1) of hits, and of misses, at scores that are higher
    than all of these.
    """

    hits: Float64s
    misses: Float64s
    holds: Ints
    above: tuple[Float64s, Float64s] | None = None

    @cached_property
    def found(self) -> Float64s:
        """Weight of hits at that score and above, (B, K)."""
        return self._summed(self.hits, 0)

    @cached_property
    def wrong(self) -> Float64s:
        """Weight of misses at that score and above, (B, K)."""
        return self._summed(self.misses, 1)

    def _summed(self, each: Float64s, kind: int) -> Float64s:
        sums = np.cumsum(each, axis=1)
        if self.above is not None:
            sums += self.above[kind]
        return sums


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows in descending order of score, the hits first among equals, gathered in parts of one kind and in K steps.

    rows: (n,), their positions.  starts: (Q,), where in that order each part begins.  hit: (Q,), whether a part holds
    hits.  opens: (Q,), whether a part is the first of its step; of two, the first is of hits.  A step is one distinct
    score, or, where runs are merged, all scores in a row that hold hits only, or misses only: within such a run, what
    is not in it does not change.
    """

    rows: Ints
    starts: Ints
    hit: Bools
    opens: Bools

    def weigh(self, w: Float64s) -> Ranked:
        """The steps under weights (B, n)."""
        return self._weighed(w, 0, len(self.starts), None)

    def blocks(self, w: Float64s) -> Iterator[Ranked]:
        """`weigh`, some thousand steps at a time and the highest first: of long records no sums are held whole."""
        size = max(2, BLOCK // max(1, len(w)))
        start, above = 0, None
        while start < len(self.starts):
            end = min(start + size, len(self.starts))
            end += end < len(self.starts) and not self.opens[end]
            block = self._weighed(w, start, end, above)
            yield block
            start, above = end, (block.found[:, -1:], block.wrong[:, -1:])

    @property
    def step(self) -> Ints:
        """Of each part, (Q,): 0 .. K - 1."""
        return np.cumsum(self.opens) - 1

    def _weighed(self, w: Float64s, start: int, end: int, above: tuple[Float64s, Float64s] | None) -> Ranked:
        """The steps of parts from start to before end, which are whole steps."""
        rows = slice(self.starts[start] if start < end else 0, self.starts[end] if end < len(self.starts) else None)
        first, hit = self.starts[start:end], self.hit[start:end]
        if w.strides[1] == 0 and len(self.rows):  # all rows weigh the same
            last = len(self.rows) if rows.stop is None else rows.stop
            parts = np.diff(first, append=first.dtype.type(last))[:, None] * w.T[:1]
        else:
            # Weights of one row stand side by side (see `bench.stats.bootstrap`), so rows are moved whole.
            parts = w.T[self.rows[rows]]
            if len(first) < len(parts):
                parts = np.add.reduceat(parts, first - first[0], axis=0)
        step = np.cumsum(self.opens[start:end]) - 1
        hits, misses = np.zeros((2, int(step[-1]) + 1 if len(step) else 0, len(w)))
        holds = step[hit]
        hits[holds] = parts[hit]
        misses[step[~hit]] = parts[~hit]
        return Ranked(hits.T, misses.T, holds, above)


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
    hit = hit[rows]
    first = _first_of_its_score(scores, rows)
    # A score's hits stand first, so it holds a hit where its first row is one, and a miss where its last is one.
    has_hit, has_miss = hit[first], ~hit[np.append(first[1:], True)] if len(rows) else hit
    joins = np.zeros(len(has_hit), dtype=bool)  # the step of the score above
    for merge, kind, other in ((merge_hits, has_hit, has_miss), (merge_misses, has_miss, has_hit)):
        if merge:
            alone = kind & ~other
            joins[1:] |= alone[1:] & alone[:-1]
    first[first] = ~joins  # now of its step
    begins = first.copy()
    begins[1:] |= hit[1:] != hit[:-1]
    starts = positions(begins)
    return Ranking(*(frozen(x) for x in (rows, starts, hit[begins], first[begins])))


def _first_of_its_score(scores: Float64s, rows: Ints) -> Bools:
    """Whether each of the rows in order has another score than the row before it, (n,)."""
    first = np.ones(len(rows), dtype=bool)
    for start in range(1, len(rows), BLOCK):
        here = scores[rows[start - 1 : start + BLOCK]]
        np.not_equal(here[1:], here[:-1], out=first[start : start + BLOCK])
    return first


def ranked(scores: Float64s, hit: Bools, w: Float64s) -> Ranked:
    """Rows (n,) in descending order of score under weights (B, n), rows of equal score together.

    Infinite scores are in order; NaN raises `RecordError`.
    """
    return ranking(scores, hit).weigh(w)
