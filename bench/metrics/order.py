"""Sorting scores of which many may tie, and the hits among equals first."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s, Floats, Ints

PACKED = 1 << 14  # rows; beyond, sorting one packed integer a row is twice as fast as sorting positions


def descending(scores: Float64s, hit: Bools) -> Ints:
    """Positions (n,) by falling score, hits before misses among equals, else in no order that matters.

    scores: (n,), not NaN.  hit: (n,).
    """
    n = len(scores)
    if n < PACKED or n >= 1 << 31:
        return np.lexsort((~hit, -scores))
    rows = (np.sort(_packed(scores, hit)) & np.uint64(0x7FFFFFFF)).astype(np.int64)
    in_order = scores[rows]
    if (in_order[1:] <= in_order[:-1]).all() and not _tied_apart(in_order, hit[rows]):
        return rows
    # Scores that are equal in single precision but not in double: these alone are sorted again.
    rounded = _single(in_order)
    same = rounded[1:] == rounded[:-1]
    among = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    group = np.cumsum(np.insert(~same, 0, True))[among]
    some = rows[among]
    rows[among] = some[np.lexsort((~hit[some], -scores[some], group))]
    return rows


def _packed(scores: Float64s, hit: Bools) -> Ints:
    """One integer a row that falls as its score in single precision rises: 32 bits of that, a miss's bit, its place."""
    bits = (np.float32(0) - _single(scores)).view(np.uint32)
    bits = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    place = np.arange(len(scores), dtype=np.uint32) | (~hit).astype(np.uint32) << np.uint32(31)
    packed = bits.astype(np.uint64) << np.uint64(32)
    packed |= place
    return packed


def _single(scores: Float64s) -> Floats:
    with np.errstate(over="ignore"):  # infinite there, and told apart in double precision
        return scores.astype(np.float32)


def _tied_apart(in_order: Float64s, hit: Bools) -> bool:
    """Whether some miss stands before a hit of the same score."""
    return bool(((in_order[1:] == in_order[:-1]) & hit[1:] & ~hit[:-1]).any())
