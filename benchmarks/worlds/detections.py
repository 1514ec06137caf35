"""Worlds of scores against several data sets, and of scores that are chances of an error."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from bench.records.detection import Chances, Several
from benchmarks.worlds.world import Rng, World, names, normal

APART = np.array([2.0, 1.2, 0.7])  # by how much the scores of each data set are higher
SIZES = np.array([0.5, 0.3, 0.2])  # its share of the positives


def several(rng: Rng, n: int, clustered: bool) -> Several:
    """Half of the rows are positive, of three data sets that differ in size and in how far off they are."""
    positive = normal(rng, n, clustered)[:, 0] > 0
    sets = rng.choice(len(SIZES), n, p=SIZES)
    scores = normal(rng, n, clustered)[:, 0] + np.where(positive, APART[sets], 0.0)
    return Several(
        scores=scores, positive=positive, sets=sets, names=("far/a", "near/b", "near/c"), **names(n, clustered)
    )


CHANCE, WRONG = (0.8, -0.5), (0.8, 0.0)  # slope and intercept of the probit: what is said, and what comes


def chances(rng: Rng, n: int, clustered: bool) -> Chances:
    """Chances of a wrong answer that follow how hard the question is, but are too low."""
    hard, luck = normal(rng, n, clustered, 2).T
    said, wrong = (slope * hard + intercept for slope, intercept in (CHANCE, WRONG))
    return Chances(
        scores=ndtr(said),
        positive=luck < wrong,
        tokens=rng.integers(1, 60, n).astype(np.float64),
        deferred=rng.random(n) < ndtr(1 - hard / 2),
        **names(n, clustered),
    )


def _mean(slope: float, intercept: float) -> float:
    """Of the probit of a standard normal."""
    return float(ndtr(intercept / np.sqrt(1 + slope**2)))


AUROC = {"auroc-macro": float(ndtr(APART / np.sqrt(2)).mean())}
FPR = {
    "fpr95-ood-macro": float(ndtr(ndtri(0.95) - APART).mean()),
    "fpr95-id-macro": float(ndtr(ndtri(0.95) - APART).mean()),
}
WORLDS = (
    World("several", several, AUROC | FPR),
    World("chances", chances, {"error-bias": _mean(*CHANCE) - _mean(*WRONG)}),
)
