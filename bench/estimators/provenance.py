"""Whose training order a model remembers: what was seen late is likelier than what was seen early.

Source: Kuditipudi et al. 2025, Blackbox Model Provenance via Palimpsestic Membership Inference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s

_BLOCK = 4_000_000


@dataclass(frozen=True)
class Provenance:
    """Spearman's correlation of training order and log-likelihood, its one-sided p-value, and how that was found."""

    rho: float
    p: float
    method: str


def provenance(
    order: Float64s,
    logliks: Float64s,
    reference: Float64s | None = None,
    draws: np.random.Generator | None = None,
    permutations: int = 999,
) -> Provenance:
    """Test that a model's log-likelihoods (N,) are independent of the order (N,) in which another was trained on them.

    reference: log-likelihoods of a model that has nothing to do with either, taken away before ranking, which removes
    what makes some texts likelier to all models.  The p-value is exact by `permutations` shuffles of the order, (1 +
    those as large) / (1 + permutations), whatever the likelihoods are; without `draws`, by the t approximation.
    """
    from scipy.special import stdtr
    from scipy.stats import rankdata

    told = logliks if reference is None else logliks - reference
    ranks, places = (_standardised(np.asarray(rankdata(v), dtype=np.float64)) for v in (told, order))
    n = len(ranks)
    rho = float(ranks @ places / n)
    if draws is None:
        t = rho * np.sqrt((n - 2) / max(1 - rho**2, np.finfo(float).tiny))
        return Provenance(rho, float(stdtr(n - 2, -t)), "t")
    block = max(1, _BLOCK // n)
    at_least = 0
    for start in range(0, permutations, block):
        many = min(block, permutations - start)
        shuffled = draws.permuted(np.broadcast_to(places, (many, n)), axis=1)
        at_least += int((shuffled @ ranks / n >= rho - 1e-12).sum())
    return Provenance(rho, (1 + at_least) / (1 + permutations), f"{permutations} permutations")


def _standardised(values: Float64s) -> Float64s:
    centred = values - values.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return centred / spread if spread > 0 else centred


def replay_p(true_order: float, shuffled: Float64s) -> float:
    """P-value of a text under the checkpoint of the true order, among replays (m,) of the same data shuffled anew.

    The observational setting: only a text of the suspect's is at hand, and its log-likelihood is ranked.
    """
    return float((1 + (shuffled >= true_order).sum()) / (1 + len(shuffled)))
