"""From a step of the walk to one pass of the model: token ids, positions, who may look at whom, what is scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import Bools, Ints
from bench.models.hf.tree import Extend, Pack, Tree


@dataclass(frozen=True)
class Pass:
    """N tokens on top of the first `depth` tokens of the path, a subtree after the other, parents before children.

    ids, positions (N,).  ends (N,): where the tokens below each one end, so that j is i or above it just where
    j <= i < ends[j].  blocks: [start, end) of the subtrees.  at, targets, slots (k,): the places that are scored, the
    tokens wanted there, and where their scores go.  keep: the tokens' keys and values extend the path.
    """

    ids: Ints
    positions: Ints
    ends: Ints
    blocks: tuple[tuple[int, int], ...]
    depth: int
    at: Ints
    targets: Ints
    slots: Ints
    keep: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def tiles(self, size: int) -> Iterator[tuple[int, int]]:
        """Consecutive blocks together, as long as they have at most `size` tokens; a larger block stands alone."""
        start = end = 0
        for _, stop in self.blocks:
            if end > start and stop - start > size:
                yield start, end
                start = end
            end = stop
        yield start, end

    def visible(self, start: int, end: int) -> Bools:
        """(n, n): whether token i of [start, end) is below token j of it, or is it."""
        each: Ints = np.arange(start, end)
        seen: Bools = (each[None, :] <= each[:, None]) & (each[:, None] < self.ends[None, start:end])
        return seen

    def is_chain(self, start: int, end: int) -> bool:
        """Whether each token of [start, end) is below the one before it."""
        return bool((self.ends[start:end] >= end).all())

    @cached_property
    def rows(self) -> tuple[Ints, Ints]:
        """Distinct scored places in order, and the one among them of each score."""
        places, inverse = np.unique(self.at, return_inverse=True)
        return places, inverse.reshape(-1)


def extension(tree: Tree, step: Extend) -> Pass:
    """The pass of a piece of path."""
    start, end = step.start, step.end
    at, targets, slots = [], [], []
    for row in (step.low + np.flatnonzero(tree.first[step.low : step.high] < end)).tolist():
        for want in tree.wants[row]:
            low, high = max(start - want.depth, 0), min(end - want.depth, len(want.targets))
            if low < high:
                at.append(np.arange(want.depth + low - start, want.depth + high - start))
                targets.append(want.targets[low:high])
                slots.append(np.arange(want.slot + low, want.slot + high))
    n = end - start
    return Pass(
        ids=tree.rows[step.low][start:end],
        positions=np.arange(start, end),
        ends=np.full(n, n),
        blocks=((0, n),),
        depth=start,
        at=_joined(at),
        targets=_joined(targets),
        slots=_joined(slots),
        keep=True,
    )


def packed(tree: Tree, step: Pack) -> Pass:
    """The pass of subtrees side by side."""
    depth = step.depth
    ids, positions, blocks = [], [], []
    at, targets, slots = [], [], []
    ends: Ints = np.empty(sum(tree.size(low, high, depth) for low, high in step.ranges), dtype=np.int64)
    n = 0
    for low, high in step.ranges:
        begin = n
        path: Ints = np.empty(0, dtype=np.int64)  # places of the present row's tokens
        for row in range(low, high):
            kept = 0 if row == low else int(tree.shared[row]) - depth
            ends[path[kept:]] = n
            new = tree.rows[row][depth + kept :]
            path = np.concatenate([path[:kept], np.arange(n, n + len(new))])
            n += len(new)
            ids.append(new)
            positions.append(np.arange(depth + kept, depth + kept + len(new)))
            for want in tree.wants[row]:
                skip = max(depth - want.depth, 0)  # what comes before was scored with the path
                at.append(path[max(want.depth - depth, 0) : want.depth - depth + len(want.targets)])
                targets.append(want.targets[skip:])
                slots.append(np.arange(want.slot + skip, want.slot + len(want.targets)))
        ends[path] = n
        blocks.append((begin, n))
    return Pass(
        ids=_joined(ids),
        positions=_joined(positions),
        ends=ends,
        blocks=tuple(blocks),
        depth=depth,
        at=_joined(at),
        targets=_joined(targets),
        slots=_joined(slots),
    )


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
