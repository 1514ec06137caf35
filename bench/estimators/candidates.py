"""Choosing among candidates by likelihood: prior normalisation, both directions, and orders of a set.

Sources: Ko et al. 2025 (candidate prior normalisation, BLiM); Vinyals, Bengio and Kudlur 2016 (Order Matters).
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints


def prior_normalised(forward: Float64s, prior: Float64s, alpha: float = 1.0) -> Float64s:
    """Log p(c | q) - alpha log p(c), (Q, C): at alpha 1 pointwise mutual information, ranked as log p(q | c).

    forward: (Q, C).  prior: (C,), from an empty query or the mean over queries.
    """
    return forward - alpha * prior


def both_ways(forward: Float64s, backward: Float64s, prior: Float64s, alpha: float = 1.0) -> Float64s:
    """BLiM: the prior-normalised forward score plus the backward one log p(q | c), (Q, C)."""
    return prior_normalised(forward, prior, alpha) + backward


def recall_at(scores: Float64s, right: Ints, k: int) -> Float64s:
    """Whether the right candidate (Q,) is among the k of highest score, (Q,); ties count against it."""
    own = np.take_along_axis(scores, right[:, None], axis=1)
    return ((scores >= own).sum(axis=1) <= k).astype(np.float64)


def prior_bias(scores: Float64s, prior: Float64s) -> float:
    """Rank correlation of candidates' mean score with their prior, -1 .. 1: near 1, the prior decides."""
    from scipy.stats import spearmanr

    return float(spearmanr(scores.mean(axis=0), prior).statistic)


def over_orders(logliks: Float64s) -> dict[str, Float64s]:
    """What n sets' log-likelihoods in M orders (n, M) come to: best, mean, spread, and both sums over orders.

    set: log Σ p, the set's probability where all orders are given, else a lower bound of it.  variables: log of the
    mean, the uniform mixture over orders of named variables.
    """
    total = np.logaddexp.reduce(logliks, axis=1)
    return {
        "best": logliks.max(axis=1),
        "mean": logliks.mean(axis=1),
        "spread": np.ptp(logliks, axis=1),
        "set": total,
        "variables": total - np.log(logliks.shape[1]),
    }
