"""APE against events whose probabilities can all be written down."""

from __future__ import annotations

import numpy as np

from bench.components import Truth, check
from bench.models.entities import PAPER, Ape
from bench.tasks.ood.events import SIZES, log_probs, ood_events, shares, unravelled


@check("ood/ape", area="ood", source="enumeration of 1,680 events", papers=(PAPER,))
def ape_truths() -> list[Truth]:
    """Fitted to 4,000 events of a known pairwise model, its divergence from it is small, and so is the loss of AUROC.

    A model that were right but for sampling error of its k free parameters would diverge by k / (2 n): of four types
    with 6, 8, 5 and 7 entities, 5 + 7 + 4 + 6 of single entities and 247 of pairs, .034 nats.  Twice that is allowed;
    independent entities are off by more than ten times as much.
    """
    model = Ape(dimensions=8, epochs=15, noise=3)
    model.fit(ood_events(0).split("train"), 0)
    every = unravelled(np.arange(int(np.prod(SIZES))))
    fitted, truth = model.density(every).log_prob, log_probs().ravel()
    apart = shares()[0]
    for share in shares()[1:]:
        apart = np.multiply.outer(apart, share)
    p, q = np.exp(truth), apart.ravel()
    pairs = sum((a - 1) * (b - 1) for i, a in enumerate(SIZES) for b in SIZES[:i])
    expected = (sum(s - 1 for s in SIZES) + pairs) / (2 * 4000)
    divergence = float(p @ (truth - fitted))
    best, found = (_area(values, p, q) for values in (np.log(q) - truth, np.log(q) - fitted))
    total = model.contributions(every).sum(axis=1) - model.log_normaliser
    return [
        Truth(1.0, float(np.exp(fitted).sum()), 1e-9, "probabilities of all events"),
        Truth(0.0, divergence, 2 * expected, "divergence from the source, nats"),
        Truth(1.0, float(p @ (truth - np.log(q)) > 10 * 2 * expected), 0.0, "independent entities are far from it"),
        Truth(best, found, 0.01, "AUROC of the ratio to independent entities"),
        Truth(0.0, float(np.abs(total - fitted).max()), 1e-12, "contributions of pairs add up"),
    ]


def _area(scores: np.ndarray, p: np.ndarray, q: np.ndarray) -> float:
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(p[order])
    return float(q[order] @ (below - p[order] / 2))
