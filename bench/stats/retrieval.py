"""What each document of a retrieval corpus is worth: the multilinear extension of the corpus game, exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError


@dataclass(frozen=True, eq=False, kw_only=True)
class Importance:
    """Expected utility with each document kept by its weight, and its slope in each weight, (M,)."""

    utility: float
    importance: Float64s


def importance(ranked: Ints, utilities: Float64s, weights: Float64s, *, top: int) -> Importance:
    """Mean utility of the `top` first kept documents of each query, over random corpora (Lyu et al. 2023).

    ranked: (N, R), document ids by retrieval rank, each once a row, -1 for none.  utilities: (N, R), what each adds if
    it is used.  weights: (M,), in [0, 1], the chance that a document is kept, independently.  A document at rank r is
    used if it is kept and fewer than `top` before it are; the slope of a document, U(kept) - U(left out), is what it
    adds less what it crowds out of the top.  Dynamic programming over ranks: N R top operations, no sampling.
    """
    if ranked.shape != utilities.shape or not ((weights >= 0) & (weights <= 1)).all() or top < 1:
        raise UsageError(
            "no such corpus", cause="ranked and utilities are (N, R), weights in [0, 1], top >= 1", fix="mend them"
        )
    if ranked.max(initial=-1) >= len(weights) or len(ranked) == 0:
        raise UsageError("a document without a weight", cause="ids go from 0 to M - 1", fix="give each a weight")
    N, R = ranked.shape
    there = ranked >= 0
    w = np.where(there, weights[np.maximum(ranked, 0)], 0.0)
    gain = np.where(there, utilities, 0.0)
    # before[r]: chance that j = 0 .. top - 1 of the documents before rank r are kept.
    before = np.zeros((R + 1, N, top))
    before[0, :, 0] = 1.0
    for r in range(R):
        before[r + 1] = before[r] * (1 - w[:, r, None])
        before[r + 1, :, 1:] += before[r, :, :-1] * w[:, r, None]
    used = before[:R].sum(axis=2).T  # (N, R)
    utility = float((w * gain * used).sum(axis=1).mean())
    # after[j]: expected utility of ranks beyond r when j were kept up to r; slots j >= top add nothing.
    after = np.zeros((N, top + 1))
    slopes = np.zeros((N, R))
    for r in range(R - 1, -1, -1):
        kept = gain[:, r, None] + after[:, 1:]
        left_out = after[:, :-1]
        slopes[:, r] = (before[r] * (kept - left_out)).sum(axis=1)
        after[:, :-1] = w[:, r, None] * kept + (1 - w[:, r, None]) * left_out
    total = np.bincount(ranked[there], slopes[there], minlength=len(weights)) / N
    return Importance(utility=utility, importance=total)


def pruned(ranked: Ints, utilities: Float64s, scores: Float64s, shares: Float64s, *, top: int) -> Float64s:
    """Mean utility (S,) when only the best share of documents, by `scores` (M,), is kept, for each of `shares` (S,)."""
    order = np.argsort(-scores, kind="stable")
    out = np.empty(len(shares))
    for i, share in enumerate(shares):
        kept = np.zeros(len(scores))
        kept[order[: round(share * len(scores))]] = 1.0
        out[i] = importance(ranked, utilities, kept, top=top).utility
    return out
