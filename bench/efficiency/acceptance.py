"""Verifying drafted tokens: how often a scheme accepts, and the law of the token that comes out.

Everywhere `target` and `draft` are probabilities (..., V) of the next token under the model that is wanted and the one
that drafts.  Each scheme's output law is the target's; `*_law` adds up its accepting and rejecting branches, so that
this can be seen rather than believed.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s


def overlap(target: Float64s, draft: Float64s) -> Float64s:
    """Probability that one drafted token is accepted: Σ min = 1 - total variation, (...).  Chen et al. 2023."""
    return np.minimum(target, draft).sum(axis=-1)


def residual(target: Float64s, draft: Float64s) -> Float64s:
    """What is drawn from after a rejection, (..., V): the positive part of target - draft, normalised.

    Where nothing is positive (the two are equal, and nothing is ever rejected) it is the target.
    """
    rest = np.maximum(target - draft, 0.0)
    total = rest.sum(axis=-1, keepdims=True)
    return np.where(total > 0, rest / np.where(total > 0, total, 1.0), target)


def single_law(target: Float64s, draft: Float64s) -> Float64s:
    """Law of the token that one draft, kept with probability min(1, target / draft), comes to."""
    kept = np.minimum(target, draft)
    return kept + (1 - kept.sum(axis=-1, keepdims=True)) * residual(target, draft)


def optimal(target: Float64s, draft: Float64s, drafts: int) -> Float64s:
    """The most that any scheme can accept of `drafts` independent tokens, (...).

    The minimum over sets S of tokens of target(S) + 1 - draft(S)^drafts, attained by a prefix of the tokens in rising
    order of target / draft (Khisti et al. 2025).
    """
    ratio = np.divide(
        target, draft, out=np.full(np.broadcast_shapes(target.shape, draft.shape), np.inf), where=draft > 0
    )
    order = np.argsort(ratio, axis=-1, kind="stable")
    inside = np.take_along_axis(np.broadcast_to(target, ratio.shape), order, axis=-1).cumsum(axis=-1)
    drawn = np.take_along_axis(np.broadcast_to(draft, ratio.shape), order, axis=-1).cumsum(axis=-1)
    values = inside + 1 - np.minimum(drawn, 1.0) ** drafts
    return np.minimum(values.min(axis=-1), 1.0)


def recursive(target: Float64s, draft: Float64s, drafts: int) -> Float64s:
    """What rejection sampling by turns accepts: each draft against what the one before left (SpecInfer)."""
    refused: Float64s = np.ones(target.shape[:-1])
    for _ in range(drafts):
        refused = refused * (1 - overlap(target, draft))
        target = residual(target, draft)
    return 1 - refused


def recursive_law(target: Float64s, draft: Float64s, drafts: int) -> Float64s:
    """Law of the token that rejection sampling by turns comes to."""
    law = np.zeros_like(target)
    reached = np.ones((*target.shape[:-1], 1))
    for _ in range(drafts):
        kept = np.minimum(target, draft)
        law += reached * kept
        reached = reached * (1 - kept.sum(axis=-1, keepdims=True))
        target = residual(target, draft)
    return law + reached * target


def k_seq(target: Float64s, draft: Float64s, drafts: int) -> Float64s:
    """What SpecTr's K-SEQ accepts: each draft with probability min(1, target / (ρ · draft)), at its best ρ."""
    return 1 - (1 - _k_seq_each(target, draft, drafts)[1]) ** drafts


def k_seq_law(target: Float64s, draft: Float64s, drafts: int) -> Float64s:
    """Law of the token that K-SEQ comes to."""
    divisor, each = _k_seq_each(target, draft, drafts)
    accepted = 1 - (1 - each) ** drafts
    kept = np.minimum(draft, target / divisor[..., None])
    kept = kept * np.divide(accepted, each, out=np.zeros_like(each), where=each > 0)[..., None]
    rest = target - kept
    return kept + (1 - accepted)[..., None] * rest / np.maximum(rest.sum(axis=-1, keepdims=True), 1e-300)


def _k_seq_each(target: Float64s, draft: Float64s, drafts: int) -> tuple[Float64s, Float64s]:
    """The smallest ρ in [1, drafts] for which no token is kept too often, by bisection, and what one draft passes."""
    low, high = np.ones(target.shape[:-1]), np.full(target.shape[:-1], float(drafts))

    def passes(divisor: Float64s) -> Float64s:
        return np.minimum(draft, target / divisor[..., None]).sum(axis=-1)

    for _ in range(60):
        middle = (low + high) / 2
        each = passes(middle)
        enough = 1 - (1 - each) ** drafts <= middle * each
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high, passes(high)


def chosen_by_importance(target: Float64s, draft: Float64s) -> Float64s:
    """Law (..., V) of the one of two drafts that is chosen with probability in proportion to target / draft.

    The first of the two steps of Khisti et al. 2025; the second verifies the chosen one as a single draft of this law.
    """
    weight = np.divide(target, draft, out=np.zeros_like(target), where=draft > 0)
    total = weight[..., :, None] + weight[..., None, :]
    share = np.divide(weight[..., :, None], total, out=np.full(total.shape, 0.5), where=total > 0)
    return 2 * draft * (share * draft[..., None, :]).sum(axis=-1)


def importance(target: Float64s, draft: Float64s) -> Float64s:
    """What the two-step scheme accepts of two drafts, (...)."""
    return overlap(target, chosen_by_importance(target, draft))
