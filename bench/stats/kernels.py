"""Do two streams come from one distribution, are two variables independent?  By betting, to be looked at any time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.stats.betting import first_reach, newton_bets

FIRST = 20  # samples from which the bandwidth is taken


@dataclass(frozen=True, eq=False, kw_only=True)
class BettingTest:
    """Log wealth (T,) against the null hypothesis; `rejected` counts the steps to 1 / alpha, 0 where never.

    e_value: final wealth, whose mean is at most 1 under the null; several tests go together by e-BH.
    """

    log_wealth: Float64s
    rejected: int
    e_value: float


def two_sample(x: Float64s, y: Float64s, *, alpha: float = 0.05, bandwidth: float | None = None) -> BettingTest:
    """Are x_t and y_t exchangeable, pair by pair?  x, y: (T, d) or (T,).

    Payoff tanh(g(x_t) - g(y_t)), with g the MMD witness of the pairs before: antisymmetric, so of mean 0 if the pair
    may be swapped (Teneggi and Sulam 2024; Shekhar and Ramdas 2023).  Bets by the online Newton step.
    """
    x, y = _table(x), _table(y)
    if x.shape != y.shape:
        raise UsageError("the streams are not paired", cause=f"{x.shape} and {y.shape}", fix="give (T, d) twice")
    scale = _bandwidth(np.concatenate([x[:FIRST], y[:FIRST]])) if bandwidth is None else bandwidth
    xx, xy, yy = (_gaussian(a, b, scale) for a, b in ((x, x), (x, y), (y, y)))
    # Row t, columns before t: witness at x_t is mean k(x_t, x_s) - mean k(x_t, y_s); at y_t likewise.
    apart = _mean_before(xx - xy) - _mean_before(xy.T - yy)
    return _bet(apart, alpha)


def independence(x: Float64s, z: Float64s, *, alpha: float = 0.05) -> BettingTest:
    """Are x_t and z_t independent?  x: (T, d) or (T,), z: (T, e) or (T,), T even; (SKIT, Teneggi and Sulam 2024).

    Two samples at a time: (x, z), (x', z') against the swapped (x, z'), (x', z), which are as likely under
    independence; the witness is that of HSIC, on the samples before.
    """
    x, z = _table(x), _table(z)
    if len(x) != len(z) or len(x) < 4:
        raise UsageError("the streams are not paired", cause=f"{len(x)} and {len(z)} samples", fix="give T >= 4 twice")
    size = len(x) // 2 * 2
    turn = np.arange(size)
    earlier = turn[None] < turn[:, None] // 2 * 2
    a, b = (np.where(earlier, _gaussian(v, v, _bandwidth(v[:FIRST])), 0.0) for v in (x[:size], z[:size]))
    number = np.maximum(turn // 2 * 2, 1)

    def witness(other: Float64s) -> Float64s:
        return (a * other).sum(axis=1) / number - a.sum(axis=1) * other.sum(axis=1) / number**2

    apart = witness(b) - witness(b[turn ^ 1])
    return _bet(apart.reshape(-1, 2).sum(axis=1), alpha)


def _bet(apart: Float64s, alpha: float) -> BettingTest:
    """Wealth on payoffs squashed by tanh, on the scale that the payoffs before have had."""
    seen = np.cumsum(np.abs(apart)) - np.abs(apart)
    number = np.maximum(np.arange(len(apart)) - 1, 1)
    scale = np.where(seen > 0, seen / number, 1.0)
    payoffs = np.tanh(apart / scale)
    log = np.cumsum(np.log1p(newton_bets(payoffs) * payoffs))
    return BettingTest(log_wealth=log, rejected=int(first_reach(log, alpha=alpha)), e_value=float(np.exp(log[-1])))


def _table(x: Float64s) -> Float64s:
    x = np.asarray(x, dtype=np.float64)
    return x[:, None] if x.ndim == 1 else x


def _gaussian(a: Float64s, b: Float64s, scale: float) -> Float64s:
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2 * a @ b.T
    return np.exp(-np.maximum(squares, 0.0) / (2 * scale**2))


def _bandwidth(x: Float64s) -> float:
    """The median distance; 1 where all are equal.  Symmetric in the samples, so that it tells nothing of pairs."""
    squares = ((x[:, None] - x[None]) ** 2).sum(axis=2)[np.triu_indices(len(x), 1)]
    middle = float(np.sqrt(np.median(squares))) if len(squares) else 0.0
    return middle if middle > 0 else 1.0


def _mean_before(rows: Float64s) -> Float64s:
    """Mean of row t over columns before t, (T,); 0 for the first."""
    return np.tril(rows, -1).sum(axis=1) / np.maximum(np.arange(len(rows)), 1)
