"""Ranks with their sets: which places can each model hold?

The bootstrap of ranks covers nothing where models tie; ranks follow from pairwise differences, whose simultaneous
intervals do cover.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError
from bench.stats.design import LEVEL
from bench.stats.maxt import RESAMPLES, centred, resampled, studentised

ROOM = 1 << 22  # pair statistics at once


@dataclass(frozen=True, eq=False, kw_only=True)
class RankSets:
    """Places 1 (best) to K: `rank` by value, ties share the best; each model's place lies in low .. high, all (K,).

    simultaneous: all sets hold their models' true places at once with the level; otherwise each does by itself.
    """

    rank: Ints
    low: Ints
    high: Ints
    simultaneous: bool


def rank_sets(
    values: Float64s,
    totals: Float64s,
    *,
    seed: int,
    simultaneous: bool = True,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
) -> RankSets:
    """Confidence sets of ranks (Mogstad, Romano, Shaikh and Wilhelm 2024), higher values being better.

    values: (K,).  totals: (G, K) contributions of each cluster, paired over models.  A model's place is at least 1 +
    the number surely above it and at most K - the number surely below it; "surely" by the largest studentised
    difference among all pairs (simultaneous), or among the pairs with that model (marginal).
    """
    if len(values) != totals.shape[1] or len(values) < 1:
        raise UsageError(
            "values and totals differ", cause=f"{values.shape}, {totals.shape}", fix="give (K,) and (G, K)"
        )
    psi, _ = centred(totals)
    groups = len(psi)
    gram = psi.T @ psi
    squares = np.maximum(np.diag(gram)[:, None] + np.diag(gram)[None] - 2 * gram, 0.0)
    # Equal contributions leave rounding behind, which must not pass for a variance.
    squares[squares <= 1e-13 * (np.diag(gram)[:, None] + np.diag(gram)[None])] = 0.0
    errors = np.sqrt(groups / (groups - 1) * squares)

    def maxima(sums: Float64s) -> Float64s:
        step = max(1, ROOM // squares.size)
        blocks = [sums[i : i + step] for i in range(0, len(sums), step)]
        each = [np.abs(studentised(s[:, :, None] - s[:, None], squares, groups)).max(axis=2) for s in blocks]
        return np.concatenate(each)

    draws = resampled(psi, seed, resamples, maxima)
    if simultaneous:
        draws = np.broadcast_to(draws.max(axis=1, keepdims=True), draws.shape)
    rank = int(np.ceil(level * (resamples + 1) - 1e-9))
    critical = np.sort(draws, axis=0)[rank - 1] if rank <= resamples else np.full(len(values), np.inf)
    above = values[None] - values[:, None] > _product(critical[:, None], errors)
    below = values[:, None] - values[None] > _product(critical[:, None], errors)
    return RankSets(
        rank=1 + (values[None] > values[:, None]).sum(axis=1),
        low=1 + above.sum(axis=1),
        high=len(values) - below.sum(axis=1),
        simultaneous=simultaneous,
    )


def _product(critical: Float64s, errors: Float64s) -> Float64s:
    """Half widths; an error of 0 is a sure difference however large the critical value."""
    return np.where(errors > 0, critical * np.where(errors > 0, errors, 1.0), 0.0)
