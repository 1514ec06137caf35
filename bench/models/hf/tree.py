"""The prefix tree of token sequences, and the order in which each of its tokens is run once.

Sorted sequences and the length that each shares with the one before are the tree: no nodes are made.  A walk goes
down from the root with one path of keys and values behind it.  Where a subtree is larger than a pass should be, the
tokens that all of it shares extend the path; subtrees that fit are packed side by side into one pass on top of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.arrays import Ints
from bench.models.hf.encoding import Span

# A path is extended in steps of so many tokens where its end is free: matrix kernels like round numbers.
_ROUND = 16


@dataclass(frozen=True)
class Want:
    """Tokens to score after a row: `targets` follow the positions from `depth` on; their scores go to `slot` on."""

    depth: int
    targets: Ints
    slot: int


@dataclass(frozen=True)
class Tree:
    """Distinct sequences in sorted order.

    rows: token ids.  shared (n,): tokens that a row has in common with the one before it.  wants: what is scored
    after each row.  first (n,): the first position of each row that is scored.  total: tokens to score in all.
    """

    rows: list[Ints]
    shared: Ints
    wants: list[list[Want]]
    first: Ints
    total: int

    def __post_init__(self) -> None:
        lengths = np.array([len(row) for row in self.rows], dtype=np.int64)
        object.__setattr__(self, "_sums", np.concatenate([[0], np.cumsum(lengths - self.shared)]))

    def size(self, low: int, high: int, depth: int) -> int:
        """Distinct tokens of rows [low, high) beyond the first `depth`, which they have in common."""
        sums: Ints = self._sums  # type: ignore[attr-defined]
        return int(len(self.rows[low]) - depth + sums[high] - sums[low + 1])

    def common(self, low: int, high: int) -> int:
        """Tokens that rows [low, high) all begin with."""
        return len(self.rows[low]) if high - low == 1 else int(self.shared[low + 1 : high].min())


def plant(spans: Sequence[Span]) -> Tree:
    """The tree of the spans' inputs; `Want.slot` counts their scored tokens in the order of the spans."""
    # Big-endian bytes sort as the numbers do, and a prefix before what it begins.
    keys = [np.asarray(span.inputs, dtype=">u4").tobytes() for span in spans]
    order = sorted(range(len(spans)), key=keys.__getitem__)
    counts = np.array([len(span.tokens) - span.first for span in spans], dtype=np.int64)
    slots = np.concatenate([[0], np.cumsum(counts)])
    rows: list[Ints] = []
    wants: list[list[Want]] = []
    shared: list[int] = []
    last = None
    for index in order:
        span = spans[index]
        if keys[index] != last:
            last = keys[index]
            row = np.frombuffer(last, dtype=">u4").astype(np.int64)
            shared.append(_common(rows[-1], row) if rows else 0)
            rows.append(row)
            wants.append([])
        targets = np.array(span.tokens[span.first :], dtype=np.int64)
        wants[-1].append(Want(span.first - 1, targets, int(slots[index])))
    first = np.array([min(want.depth for want in row) for row in wants], dtype=np.int64)
    return Tree(rows, np.array(shared, dtype=np.int64), wants, first, int(slots[-1]))


def _common(a: Ints, b: Ints) -> int:
    size = min(len(a), len(b))
    apart = np.flatnonzero(a[:size] != b[:size])
    return int(apart[0]) if len(apart) else size


@dataclass(frozen=True)
class Extend:
    """Run tokens [start, end) that rows [low, high) share, and keep their keys and values.

    kept: nothing is scored within, and the segment is the trunk's: where the path holds it already, it stays.
    """

    low: int
    high: int
    start: int
    end: int
    kept: bool = False


@dataclass(frozen=True)
class Pack:
    """Run subtrees, as ranges of rows, on top of the first `depth` tokens of the path."""

    ranges: tuple[tuple[int, int], ...]
    depth: int


@dataclass(frozen=True)
class Trunk:
    """Long prefixes that many requests share, as a tree of segments: (tokens, what follows them)."""

    branches: tuple[tuple[Ints, Trunk], ...] = ()


BARE = Trunk()


def walk(tree: Tree, budget: int, trunk: Trunk = BARE) -> Iterator[Extend | Pack]:
    """The passes that run each token of the tree once, about `budget` tokens in each, in an order that one path serves.

    Prefixes of the trunk extend the path in the trunk's own segments, whatever else is in the tree, so that their
    keys and values are the same bits in every call.
    """
    stack: list[tuple[int, int, int, Trunk]] = [(0, len(tree.rows), 0, trunk)] if tree.rows else []
    while stack:
        low, high, depth, below = stack.pop()
        if below.branches:
            step, left = _along(tree, low, high, depth, below)
            stack.extend(reversed(left))
            if step is not None:
                yield step
            continue
        if tree.size(low, high, depth) <= budget:
            yield Pack(((low, high),), depth)
            continue
        end = _reach(tree, low, high, depth, budget)
        yield from _extended(low, high, depth, end, budget)
        if end < tree.common(low, high):
            yield Pack(((low, high),), end)
            continue
        small, large = _children(tree, low, high, end, budget)
        yield from _packed(tree, small, end, budget)
        stack.extend((a, b, end, BARE) for a, b in reversed(large))


def _along(
    tree: Tree, low: int, high: int, depth: int, trunk: Trunk
) -> tuple[Extend | None, list[tuple[int, int, int, Trunk]]]:
    """One step up the trunk: the first branch that some rows follow, and the ranges that are left to walk."""
    for k, (tokens, above) in enumerate(trunk.branches):
        end = depth + len(tokens)
        follows = [
            len(row) > end and first >= end and np.array_equal(row[depth:end], tokens)
            for row, first in zip(tree.rows[low:high], tree.first[low:high].tolist(), strict=True)
        ]
        if not any(follows):
            continue
        a = low + follows.index(True)
        b = a + sum(follows)
        if not all(follows[a - low : b - low]):
            continue  # rows between them end or are scored within the segment
        rest = Trunk(trunk.branches[k + 1 :])
        ranges = [(a, b, end, above), (low, a, depth, rest), (b, high, depth, rest)]
        return Extend(a, b, depth, end, kept=True), [r for r in ranges if r[0] < r[1]]
    return None, [(low, high, depth, BARE)]


def _reach(tree: Tree, low: int, high: int, depth: int, budget: int) -> int:
    """How far the path is extended before a subtree that is too large is packed or parted."""
    whole, common = tree.size(low, high, depth), tree.common(low, high)
    if whole - (common - depth) > budget:
        return common
    # What remains must fit one pass; passes of equal size are best.
    passes = -(-whole // budget)
    share = -(-whole * (passes - 1) // passes)
    return min(common, depth + -(-share // _ROUND) * _ROUND)


def _extended(low: int, high: int, depth: int, end: int, budget: int) -> Iterator[Extend]:
    pieces = -(-(end - depth) // budget)
    cuts = np.linspace(depth, end, pieces + 1).round().astype(int).tolist()
    for start, stop in pairwise(cuts):
        yield Extend(low, high, start, stop)


def _children(
    tree: Tree, low: int, high: int, depth: int, budget: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Subtrees of rows that share exactly `depth` tokens: those that fit a pass, and those that don't."""
    cuts = [low, *(low + 1 + np.flatnonzero(tree.shared[low + 1 : high] == depth)).tolist(), high]
    small: list[tuple[int, int]] = []
    large: list[tuple[int, int]] = []
    for a, b in pairwise(cuts):
        size = tree.size(a, b, depth)
        if size:  # else the row ends here, and was scored in the path
            (small if size <= budget else large).append((a, b))
    return small, large


def _packed(tree: Tree, ranges: Sequence[tuple[int, int]], depth: int, budget: int) -> Iterator[Pack]:
    """Subtrees in packs of equal size, as near to the budget as whole subtrees allow."""
    sizes = [tree.size(a, b, depth) for a, b in ranges]
    packs = max(1, -(-sum(sizes) // budget))
    goal = sum(sizes) / packs
    pack: list[tuple[int, int]] = []
    filled = 0
    for size, span in zip(sizes, ranges, strict=True):
        if pack and (filled + size > budget or filled + size / 2 > goal):
            yield Pack(tuple(pack), depth)
            pack, filled = [], 0
        pack.append(span)
        filled += size
    if pack:
        yield Pack(tuple(pack), depth)


def trunk_of(tree: Tree, budget: int, *, least: int = 32, support: int = 6) -> Trunk:
    """Prefixes of at least `least` tokens that at least `support` rows of a sample share and none of them scores.

    Only where the rows are too many for one pass: what fits into one shares its prefix there.
    """
    return _grow(tree, 0, len(tree.rows), 0, budget, least, support)


def _grow(tree: Tree, low: int, high: int, depth: int, budget: int, least: int, support: int) -> Trunk:
    branches: list[tuple[Ints, Trunk]] = []
    ranges = [(low, high)]
    while ranges:
        a, b = ranges.pop(0)
        if b - a < support or tree.size(a, b, depth) <= budget:
            continue
        common = tree.common(a, b)
        end = min(common, int(tree.first[a:b].min()))
        if end - depth >= least:
            # Rows end beyond the segment, else it could not be told whether they belong to it.
            branches.append((tree.rows[a][depth:end], _grow(tree, a, b, end, budget, least, support)))
        else:
            cuts = [a, *(a + 1 + np.flatnonzero(tree.shared[a + 1 : b] == common)).tolist(), b]
            ranges = [*pairwise(cuts), *ranges] if len(cuts) > 2 else ranges
    return Trunk(tuple(branches))
