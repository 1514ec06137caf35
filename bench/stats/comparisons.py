"""Scores and ranks from pairwise judgements: which pairs to ask, and how to add their answers up.

P[i, j] is the probability that item i beats item j, NaN where nobody asked; W[i, j] counts (or weighs) wins of i.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.errors import UsageError
from bench.seeds import generator

Link = Literal["bradley-terry", "thurstone"]
LEVELS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # inferior, worse, similar, better, superior
STEPS = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class Scores:
    """Scores (K,) that sum to 0, their standard errors (K,) from the curvature, and the largest slope left."""

    values: Float64s
    errors: Float64s
    slope: float


def strengths(wins: Float64s, *, link: Link = "bradley-terry", prior: float = 0.0) -> Scores:
    """Most probable scores: maximise sum W[i, j] log F(q_i - q_j) - prior |q|^2 / 2 with sum q = 0.

    wins: (K, K), counts or soft preferences, diagonal ignored.  F: logistic (Bradley and Terry 1952) or normal
    (Thurstone 1927).  Concave; Newton steps, halved until they gain.  Without a prior, each item must be reachable from
    each by wins (Ford 1957), or the scores are infinite: refused.
    """
    w = np.where(np.eye(len(wins), dtype=bool), 0.0, np.nan_to_num(wins))
    if (w < 0).any() or w.ndim != 2 or prior < 0 or (prior == 0 and not _connected(w)):
        raise UsageError(
            "these comparisons have no finite scores",
            cause="some items never win, never lose, or were never compared with the others",
            fix="give more comparisons, or a prior above 0",
        )
    count = len(w)
    q = np.zeros(count)
    pull = np.full((count, count), 1 / count)  # the null direction of the curvature: all scores moved together
    value, slope, curvature = _objective(q, w, link, prior)
    for _ in range(STEPS):
        if np.abs(slope).max() <= 1e-11 * max(1.0, float(w.sum())):
            break
        step = np.linalg.solve(curvature + pull, slope)
        size = 1.0
        while size > 1e-10 and _objective(q + size * step, w, link, prior)[0] < value - 1e-15 * abs(value):
            size /= 2
        q = q + size * step
        q -= q.mean()
        value, slope, curvature = _objective(q, w, link, prior)
    covariance = np.linalg.inv(curvature + pull) - pull
    return Scores(values=q, errors=np.sqrt(np.maximum(np.diag(covariance), 0)), slope=float(np.abs(slope).max()))


def _objective(q: Float64s, w: Float64s, link: Link, prior: float) -> tuple[float, Float64s, Float64s]:
    """Value, gradient (K,), and negative Hessian (K, K)."""
    gap = q[:, None] - q[None]
    if link == "bradley-terry":
        log = -np.logaddexp(0, -gap)
        first = np.exp(-np.logaddexp(0, gap))  # 1 - F
        second = first * (1 - first)
    else:
        from scipy.special import log_ndtr

        log = log_ndtr(gap)
        first = np.exp(-(gap**2) / 2 - np.log(2 * np.pi) / 2 - log)  # the inverse Mills ratio
        second = first * (gap + first)
    pulls, bends = w * first, w * second
    slope = pulls.sum(axis=1) - pulls.sum(axis=0) - prior * q
    both = bends + bends.T
    curvature = np.diag(both.sum(axis=1) + prior) - both
    return float((w * log).sum() - prior / 2 * (q @ q)), slope, curvature


def soft_preferences(logits: Float64s) -> Float64s:
    """Probability of "better", (...,), from logits (..., 5) of inferior, worse, similar, better, superior.

    The expected level, weights 0, 1/4, 1/2, 3/4, 1 (Compare2Score, Zhu et al. 2024).
    """
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (e @ LEVELS) / e.sum(axis=-1)


def anchor_scores(preferences: Float64s, anchors: Float64s, *, link: Link = "thurstone") -> Float64s:
    """Scores (N,) of items compared with A anchors only (Compare2Score): each among the anchors, MAP, prior 1.

    preferences: (N, A), of the item over each anchor.  anchors: (A, A), of the anchors among themselves.
    """
    size = anchors.shape[0] + 1
    out = np.empty(len(preferences))
    for i, row in enumerate(preferences):
        w = np.zeros((size, size))
        w[:-1, :-1], w[-1, :-1], w[:-1, -1] = anchors, row, 1 - row
        out[i] = strengths(w, link=link, prior=1.0).values[-1]
    return out


def pairs(items: int, budget: int, *, design: Literal["all", "random", "window", "skip"], seed: int) -> Ints:
    """Ordered pairs (m, 2) to ask of `items` items in their present order (Gienapp, Fröbe, Hagen and Potthast 2022).

    all: every i, j.  random: `budget` of them.  window: each with the `budget` next, around the end.  skip: each with
    every `budget`-th, around the end, the same for all phases: items * ((items - 1) // budget) pairs.
    """
    every = np.array([(i, j) for i in range(items) for j in range(items) if i != j], dtype=np.int64).reshape(-1, 2)
    if design == "all":
        return every
    if budget < 1 or items < 2:
        raise UsageError(f"{budget} pairs of {items} items", cause="there is nothing to ask", fix="give more")
    if design == "random":
        chosen = generator(seed, "pairs").permutation(len(every))[:budget]
        return every[np.sort(chosen)]
    steps = np.arange(1, min(budget, items - 1) + 1) if design == "window" else np.arange(budget, items, budget)
    first = np.repeat(np.arange(items), len(steps))
    return np.stack([first, (first + np.tile(steps, items)) % items], axis=1)


def additive(P: Float64s) -> Float64s:
    """Sum over asked pairs of P[i, j] + (1 - P[j, i]), over their number: (K,); 1/2 where an item was never asked."""
    asked = ~np.isnan(P)
    total = np.nansum(P, axis=1) + np.where(asked, 1 - P, 0.0).sum(axis=0)
    number = asked.sum(axis=1) + asked.sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), 0.5)


def fitted(P: Float64s, *, link: Link = "bradley-terry", prior: float = 1e-3) -> Float64s:
    """Scores (K,) by `strengths` from soft wins, P[i, j] for i and 1 - P[i, j] for j; the prior keeps them finite."""
    return strengths(_soft_wins(P), link=link, prior=prior).values


def greedy(P: Float64s) -> Float64s:
    """Scores (K,), K for the first: take the item with the largest balance of wins over losses, remove it, go on.

    Cohen, Schapire and Singer 1999.
    """
    balance = _soft_wins(P)
    balance = balance - balance.T
    left = np.ones(len(P), dtype=bool)
    out = np.zeros(len(P))
    for place in range(len(P), 0, -1):
        best = int(np.argmax(np.where(left, balance[:, left].sum(axis=1), -np.inf)))
        out[best], left[best] = place, False
    return out


def pagerank(P: Float64s, *, damping: float = 0.85) -> Float64s:
    """Scores (K,) that sum to 1: a walker moves from loser to winner (Page et al. 1999), jumping with 1 - damping."""
    flow = _soft_wins(P).T  # from j, weight by which others beat it
    total = flow.sum(axis=1, keepdims=True)
    count = len(P)
    walk = np.where(total > 0, flow / np.where(total > 0, total, 1.0), 1 / count)
    return np.linalg.solve(np.eye(count) - damping * walk.T, np.full(count, (1 - damping) / count))


def kwiksort(P: Float64s, *, seed: int) -> Float64s:
    """Scores (K,), K for the first: quicksort by random pivots (Ailon, Charikar and Newman 2008); ties toss."""
    rng = generator(seed, "kwiksort")
    wins = _soft_wins(P)
    ahead = wins - wins.T
    ahead = np.where(ahead == 0, np.triu(rng.choice([-1.0, 1.0], P.shape), 1), ahead)
    ahead = np.where(np.tril(ahead, -1) == 0, np.tril(-ahead.T, -1) + np.triu(ahead), ahead)
    order: list[int] = []
    stack: list[AnyArray] = [np.arange(len(P))]
    while stack:
        part = stack.pop()
        if len(part) < 2:
            order.extend(part.tolist())
            continue
        pivot = rng.choice(part)
        rest = part[part != pivot]
        before = ahead[rest, pivot] > 0
        stack += [rest[~before], np.array([pivot]), rest[before]]
    out = np.empty(len(P))
    out[order] = np.arange(len(P), 0, -1)
    return out


AGGREGATORS: dict[str, Callable[[Float64s], Float64s]] = {
    "additive": additive,
    "bradley-terry": fitted,
    "greedy": greedy,
    "pagerank": pagerank,
}


def _soft_wins(P: Float64s) -> Float64s:
    known = np.where(np.isnan(P) | np.eye(len(P), dtype=bool), 0.0, P)
    asked = np.where(np.isnan(P) | np.eye(len(P), dtype=bool), 0.0, 1 - P)
    return known + asked.T


def _connected(w: Float64s) -> bool:
    """Whether wins lead from each item to each."""
    reach = (w > 0) | np.eye(len(w), dtype=bool)
    for _ in range(max(1, int(np.ceil(np.log2(max(len(w), 2)))))):
        reach = (reach.astype(np.float64) @ reach) > 0
    return bool(reach.all())
