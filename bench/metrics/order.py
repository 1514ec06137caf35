"""Sorting scores of which many may tie, and the hits among equals first."""

from __future__ import annotations

import sys

import numpy as np

from bench.arrays import Bools, Float64s, Floats, Ints

BLOCK = 1 << 16  # rows packed at a time
PACKED = 1 << 14  # rows; beyond, sorting one packed integer a row is twice as fast as sorting positions


def descending(scores: Float64s, hit: Bools) -> Ints:
    """Positions (n,) by falling score, hits before misses among equals, else in no order that matters.

    scores: (n,), not NaN.  hit: (n,).
    """
    n = len(scores)
    if n < PACKED or n >= 1 << 31:
        return np.lexsort((~hit, -scores))
    packed = _packed(scores, hit)
    packed.sort()
    # The lower half of each integer is its place and the bit of a miss.
    rows = packed.view(np.uint32)[1 if sys.byteorder == "big" else 0 :: 2] & np.uint32(0x7FFFFFFF)
    del packed
    # Scores that are equal in single precision but not in double are sorted again: these alone, and a few at a time.
    start = 0
    while start < n:
        stop = min(start + BLOCK, n)
        edge = _single(scores[rows[stop - 1 : stop]])
        while stop < n and (ahead := np.flatnonzero(_single(scores[rows[stop : stop + BLOCK]]) != edge)).size == 0:
            stop = min(stop + BLOCK, n)
        stop += int(ahead[0]) if stop < n else 0
        _sort_ties(rows[start:stop], scores, hit)
        start = stop
    return rows


def _sort_ties(rows: Ints, scores: Float64s, hit: Bools) -> None:
    """Put rows in order that are in order in single precision."""
    in_order = scores[rows]
    if (in_order[1:] <= in_order[:-1]).all() and not _tied_apart(in_order, hit[rows]):
        return
    rounded = _single(in_order)
    same = rounded[1:] == rounded[:-1]
    among = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    group = np.cumsum(np.insert(~same, 0, True), dtype=np.int32)[among]
    some = rows[among]
    rows[among] = some[np.lexsort((~hit[some], -scores[some], group))]


def _packed(scores: Float64s, hit: Bools) -> Ints:
    """One integer a row that falls as its score in single precision rises: 32 bits of that, a miss's bit, its place."""
    packed = np.empty(len(scores), dtype=np.uint64)
    for start in range(0, len(scores), BLOCK):
        rows = slice(start, min(start + BLOCK, len(scores)))
        bits = (np.float32(0) - _single(scores[rows])).view(np.uint32)
        bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
        place = np.arange(start, rows.stop, dtype=np.uint32) | (~hit[rows]).astype(np.uint32) << np.uint32(31)
        packed[rows] = bits.astype(np.uint64) << np.uint64(32) | place
    return packed


def _single(scores: Float64s) -> Floats:
    with np.errstate(over="ignore"):  # infinite there, and told apart in double precision
        return scores.astype(np.float32)


def _tied_apart(in_order: Float64s, hit: Bools) -> bool:
    """Whether some miss stands before a hit of the same score."""
    return bool(((in_order[1:] == in_order[:-1]) & hit[1:] & ~hit[:-1]).any())
