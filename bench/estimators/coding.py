"""Arithmetic coding: a message as bits, as many as -log2 of its probability and at most two more.

Integer ranges of 62 bits, renormalised bit by bit (Witten, Neal and Cleary 1987), so that encoder and decoder agree to
the last bit on every machine that computes the same probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import EvaluationError
from bench.estimators.circuits import LatentTree

PRECISION = 62
WHOLE, HALF, QUARTER = 1 << PRECISION, 1 << (PRECISION - 1), 1 << (PRECISION - 2)
TOTAL = 1 << 40  # of the counts that stand for a distribution: what rounding costs a symbol is below 1e-9 bits


def counts_of(probs: Float64s) -> list[int]:
    """Cumulative counts (V + 1) from 0 to `TOTAL` in proportion to probs (V,); every symbol keeps at least one."""
    spare = TOTAL - len(probs)
    inner = np.floor(np.cumsum(probs) / probs.sum() * spare).astype(np.int64)
    ends = [0, *(int(c) + i + 1 for i, c in enumerate(inner))]
    ends[-1] = TOTAL
    return ends


@dataclass
class Encoder:
    """Takes symbols one after the other; `finish` gives the bits."""

    low: int = 0
    high: int = WHOLE
    pending: int = 0
    bits: list[int] = field(default_factory=list)

    def put(self, symbol: int, ends: Sequence[int]) -> None:
        """Narrow the range to a symbol whose cumulative counts are `ends`."""
        width = self.high - self.low
        self.high = self.low + width * ends[symbol + 1] // TOTAL
        self.low += width * ends[symbol] // TOTAL
        while True:
            if self.high <= HALF:
                self._emit(0)
            elif self.low >= HALF:
                self._emit(1)
                self.low, self.high = self.low - HALF, self.high - HALF
            elif self.low >= QUARTER and self.high <= HALF + QUARTER:
                self.pending += 1
                self.low, self.high = self.low - QUARTER, self.high - QUARTER
            else:
                return
            self.low, self.high = 2 * self.low, 2 * self.high

    def finish(self) -> list[int]:
        """The shortest bits whose every continuation lies in the range."""
        for extra in (0, 1, 2):
            cell = WHOLE >> extra
            start = -(-self.low // cell)
            if (start + 1) * cell <= self.high:
                for place in reversed(range(extra)):
                    self._emit((start >> place) & 1)
                break
        return self.bits

    def _emit(self, bit: int) -> None:
        self.bits += [bit, *[1 - bit] * self.pending]
        self.pending = 0


class Decoder:
    """Gives back the symbols of the bits that an `Encoder` made from the same counts."""

    def __init__(self, bits: Sequence[int]) -> None:
        self.bits = iter(bits)
        self.low, self.high, self.value = 0, WHOLE, 0
        for _ in range(PRECISION):
            self.value = 2 * self.value + next(self.bits, 0)

    def get(self, ends: Sequence[int]) -> int:
        """The next symbol, given its cumulative counts."""
        width = self.high - self.low
        below, above = 0, len(ends) - 1
        while above - below > 1:
            middle = (below + above) // 2
            if self.low + width * ends[middle] // TOTAL <= self.value:
                below = middle
            else:
                above = middle
        self.high = self.low + width * ends[below + 1] // TOTAL
        self.low += width * ends[below] // TOTAL
        while True:
            if self.high <= HALF:
                shift = 0
            elif self.low >= HALF:
                shift = HALF
            elif self.low >= QUARTER and self.high <= HALF + QUARTER:
                shift = QUARTER
            else:
                return below
            self.low, self.high = 2 * (self.low - shift), 2 * (self.high - shift)
            self.value = 2 * (self.value - shift) + next(self.bits, 0)


class Walk:
    """The conditionals p(x_i | symbols told so far) of a circuit, variable after variable from the root down.

    What lies below each state is kept, and a symbol changes it only on the way from its place to the root.
    """

    def __init__(self, tree: LatentTree) -> None:
        self.tree = tree
        ones = np.ones((len(tree.parents), len(tree.prior)))
        self.given, self.message = ones, ones.copy()

    def probs(self, i: int) -> Float64s:
        """The distribution of variable i, (V,)."""
        path = [i]
        while self.tree.parents[path[-1]] >= 0:
            path.append(int(self.tree.parents[path[-1]]))
        state = self.tree.prior
        for upper, lower in zip(path[:0:-1], path[-2::-1], strict=True):
            beside = [self.message[c] for c in self.tree.children[upper] if c != lower]
            state = (state * self.given[upper] * np.prod(beside, axis=0)) @ self.tree.step[lower]
            state = state / state.sum()
        below = [self.message[c] for c in self.tree.children[i]]
        found = (state * np.prod(below, axis=0)) @ self.tree.leaf[i]
        return found / found.sum()

    def tell(self, i: int, symbol: int) -> None:
        """Fix variable i."""
        self.given[i] = self.tree.leaf[i, :, symbol]
        while self.tree.parents[i] >= 0:
            below = [self.message[c] for c in self.tree.children[i]]
            local = self.given[i] * np.prod(below, axis=0)
            self.message[i] = self.tree.step[i] @ (local / local.max())
            i = int(self.tree.parents[i])


def encoded(tree: LatentTree, row: Ints) -> list[int]:
    """The bits of one row (D,)."""
    coder, walk = Encoder(), Walk(tree)
    for i in tree.order:
        coder.put(int(row[i]), counts_of(walk.probs(i)))
        walk.tell(i, int(row[i]))
    return coder.finish()


def decoded(tree: LatentTree, bits: Sequence[int]) -> Ints:
    """The row (D,) that those bits are of."""
    coder, walk = Decoder(bits), Walk(tree)
    row = np.zeros(len(tree.parents), dtype=np.int64)
    for i in tree.order:
        row[i] = coder.get(counts_of(walk.probs(i)))
        walk.tell(i, int(row[i]))
    return row


def code_lengths(tree: LatentTree, rows: Ints, code: Callable[[LatentTree, Ints], list[int]] = encoded) -> Ints:
    """Bits of each row's message (n,), each decoded again; `EvaluationError` where one comes back changed."""
    lengths = np.empty(len(rows), dtype=np.int64)
    for k, row in enumerate(rows):
        bits = code(tree, row)
        if not np.array_equal(decoded(tree, bits), row):
            raise EvaluationError(
                "a message was not decoded as it was encoded",
                cause="encoder and decoder computed different probabilities",
                fix="report it, with the versions of numpy and bench",
            )
        lengths[k] = len(bits)
    return lengths
