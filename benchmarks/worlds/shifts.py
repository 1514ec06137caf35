"""Worlds of losses foretold under a shift, and of texts selected to resemble a target."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bench.records import Reweighted, Selections
from benchmarks.worlds.world import Rng, World, names, normal


def shifts(rng: Rng, n: int, clustered: bool) -> Reweighted:
    """Losses foretold by estimated, true and no weights; the weights' errors have a long tail."""
    z = normal(rng, n, clustered, 5)
    suffered = 1 + 0.3 * z[:, 0]
    return Reweighted(
        foretold=suffered + 0.05 + 0.2 * z[:, 1],
        unweighted=suffered - 0.2 + 0.2 * z[:, 2],
        known=suffered + 0.1 * z[:, 3],
        suffered=suffered,
        error=0.5 * np.exp(0.6 * z[:, 4]),
        flat=np.exp(0.6 * z[:, 4] + 0.3 * rng.normal(size=n)),
        effective=ndtr(z[:, 0]) ** 0.5,
        **names(n, clustered),
    )


def selections(rng: Rng, n: int, clustered: bool) -> Selections:
    """Pools and targets of which some are easier than others, for every way of selecting."""
    easy, *noise = normal(rng, n, clustered, 5).T
    return Selections(
        weighted=1 + 0.3 * easy + 0.1 * noise[0],
        random=0.1 + 0.05 * noise[1],
        likely=-0.2 + 0.2 * easy + 0.1 * noise[2],
        best=1.2 + 0.3 * easy + 0.1 * noise[3],
        kin=ndtr(1 + easy),
        **names(n, clustered),
    )


SHIFTED = {
    "shift-bias": 0.05,
    "shift-bias-unweighted": -0.2,
    "shift-bias-known": 0.0,
    "weight-error": 0.5 * float(np.exp(-(0.3**2) / 2)),
    "effective-share": 2 / 3,
}
SELECTED = {
    "kl-reduction": 1.0,
    "kl-reduction-random": 0.1,
    "kl-reduction-likely": -0.2,
    "selection-gain": 0.9,
    "selection-left": 0.2,
    "selected-kin": float(ndtr(np.sqrt(0.5))),
}
WORLDS = (World("shifts", shifts, SHIFTED), World("selections", selections, SELECTED))
