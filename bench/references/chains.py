"""Markov chains over a few symbols: exact probabilities, and exact conditionals of any symbols given any others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints


@dataclass(frozen=True, eq=False)
class Chain:
    """x_1 from `start` (V,), then each symbol from the row of `step` (V, V) that the one before names."""

    start: Float64s
    step: Float64s

    @property
    def symbols(self) -> int:
        """V."""
        return len(self.start)

    def log_prob(self, rows: AnyArray) -> Float64s:
        """Exact log-probability of sequences (n, L), nats, (n,)."""
        rows = np.asarray(rows, dtype=np.int64)
        return np.log(self.start[rows[:, 0]]) + np.log(self.step[rows[:, :-1], rows[:, 1:]]).sum(axis=1)

    def sample(self, n: int, length: int, draws: np.random.Generator) -> Ints:
        """`n` independent sequences, (n, length)."""
        noise = draws.random((n, length))
        rows = np.empty((n, length), dtype=np.int64)
        ends = np.cumsum(self.step, axis=1)
        rows[:, 0] = np.searchsorted(np.cumsum(self.start), noise[:, 0] * self.start.sum())
        for i in range(1, length):
            rows[:, i] = (noise[:, i, None] * ends[rows[:, i - 1], -1:] > ends[rows[:, i - 1]]).sum(axis=1)
        return rows

    def entropy(self, length: int) -> float:
        """Entropy of a sequence of that length, nats, by the chain rule."""
        rows = -(self.step * np.log(self.step)).sum(axis=1)
        total, at = -float(self.start @ np.log(self.start)), self.start
        for _ in range(length - 1):
            total += float(at @ rows)
            at = at @ self.step
        return total

    def conditionals(self, rows: AnyArray, hidden: Bools) -> Float64s:
        """The log-probability that x_i is v given the symbols of `rows` that are not hidden, (n, L, V).

        rows: (n, L), of which the hidden ones (n, L) are not looked at.  A symbol that is seen has probability 1.
        """
        rows = np.asarray(rows, dtype=np.int64)
        unary = evidence(rows, hidden, self.symbols)
        with np.errstate(divide="ignore"):
            unary[:, 0] += np.log(self.start)
            return smoothed(unary, np.log(self.step))[0]


def evidence(rows: Ints, hidden: Bools, symbols: int) -> Float64s:
    """(n, L, V): 0 where the symbol may stand, -inf where another one is seen."""
    seen = rows[:, :, None] == np.arange(symbols)
    return np.where(seen | hidden[:, :, None], 0.0, -np.inf)


def smoothed(unary: Float64s, step: Float64s) -> tuple[Float64s, Float64s]:
    """Log-marginals (n, L, V) and log Z (n,) of p(x) = exp(sum unary_i(x_i) + sum step_i(x_i, x_i+1)) / Z.

    unary: (n, L, V).  step: (V, V), or (n, L - 1, V, V) where it differs by row and place; -inf forbids.  Exact, by
    the forward and backward recursions; work grows as n L V².
    """
    n, length, symbols = unary.shape
    steps = np.broadcast_to(step, (n, length - 1, symbols, symbols))
    before, after = np.zeros_like(unary), np.zeros_like(unary)
    before[:, 0] = unary[:, 0]
    for i in range(1, length):
        before[:, i] = unary[:, i] + _log_sum(before[:, i - 1, :, None] + steps[:, i - 1], axis=1)
        j = length - 1 - i
        after[:, j] = _log_sum(steps[:, j] + (unary[:, j + 1] + after[:, j + 1])[:, None, :], axis=2)
    total = _log_sum(before[:, -1], axis=1)
    return before + after - total[:, None, None], total


def _log_sum(x: Float64s, axis: int) -> Float64s:
    top = x.max(axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return (top + np.log(np.exp(x - top).sum(axis=axis, keepdims=True))).squeeze(axis)


def sticky(symbols: int, stay: float = 0.6) -> Chain:
    """A chain that keeps its symbol with chance `stay`, else moves on with falling chances; it starts anywhere."""
    away = np.stack([np.roll(0.5 ** np.arange(symbols, dtype=np.float64), k + 1) for k in range(symbols)])
    np.fill_diagonal(away, 0.0)
    step = stay * np.eye(symbols) + (1 - stay) * away / away.sum(axis=1, keepdims=True)
    return Chain(np.full(symbols, 1 / symbols), step)
