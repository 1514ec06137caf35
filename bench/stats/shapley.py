"""Shapley values: what each player adds to a game, averaged over the orders in which they may join."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError
from bench.seeds import generator

MOST = 16  # players whose coalitions are all gone through


@dataclass(frozen=True, eq=False, kw_only=True)
class Shapley:
    """Values (k, ...), and their standard errors: 0 where all orders were gone through."""

    values: Float64s
    errors: Float64s


def coalitions(players: int) -> Bools:
    """All 2^k subsets, (2^k, k): row s holds player i where bit i of s is 1."""
    if not 1 <= players <= MOST:
        raise UsageError(f"{players} players", cause=f"all subsets are gone through up to {MOST}", fix="sample orders")
    return (np.arange(1 << players)[:, None] >> np.arange(players) & 1).astype(bool)


def exact(game: Float64s) -> Float64s:
    """Shapley values (k, ...) of a game (2^k, ...), in the order of `coalitions` (Shapley 1953).

    Each player's gains v(S + i) - v(S), weighted by |S|! (k - |S| - 1)! / k!; they sum to v(all) - v(none).
    """
    players = len(game).bit_length() - 1
    inside = coalitions(players)
    if len(game) != 1 << players:
        raise UsageError(f"a game of {len(game)} coalitions", cause="there are 2^k subsets", fix="give every one")
    size = inside.sum(axis=1)
    weight = np.array([1 / (players * math.comb(players - 1, s)) for s in range(players)])
    # With the player the subset counts as the larger one, without it as the smaller: one signed weight for each.
    signed = np.where(inside, weight[np.maximum(size - 1, 0)][:, None], -weight[np.minimum(size, players - 1)][:, None])
    return np.tensordot(signed.T, game, axes=1)


def sampled(game: Callable[[Bools], Float64s], players: int, *, seed: int, orders: int = 200) -> Shapley:
    """Shapley values (k,) from random orders and their reverses (Castro et al. 2009; antithetic, Mitchell et al. 2022).

    game: coalitions (B, k) -> (B,).  orders: pairs of an order and its reverse, at least 2.  Each pair sums exactly to
    v(all) - v(none).
    """
    if players < 1 or orders < 2:
        raise UsageError("too few orders", cause=f"{players} players, {orders} orders", fix="give 2 orders or more")
    rng = generator(seed, "shapley")
    forward = rng.permuted(np.tile(np.arange(players), (orders, 1)), axis=1)
    gains = sum(_gains(game, order) for order in (forward, forward[:, ::-1])) / 2
    return Shapley(values=np.mean(gains, axis=0), errors=np.std(gains, axis=0, ddof=1) / math.sqrt(orders))


def _gains(game: Callable[[Bools], Float64s], order: Float64s) -> Float64s:
    """What each player adds when joining in that order, (orders, k)."""
    orders, players = order.shape
    place = np.argsort(order, axis=1)
    joined = place[:, None] < np.arange(players + 1)[None, :, None]
    values = game(joined.reshape(-1, players)).reshape(orders, players + 1)
    return np.take_along_axis(np.diff(values, axis=1), place, axis=1)
