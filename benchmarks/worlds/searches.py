"""Worlds of surrogates: forecasts against exact ones, chains of draws, and searches for a minimum."""

from __future__ import annotations

import numpy as np

from bench.records import Regression, Searches
from benchmarks.worlds.world import Rng, World, names, normal

OFF, WIDE = 0.3, 0.2  # spread of the mean's error, and of the log of the spread's, by the exact forecast's
MEMBERS = 16
STEPS = 12


def surrogates(rng: Rng, n: int, clustered: bool) -> Regression:
    """Gaussian forecasts that err about the exact ones; the members of each are four runs of a chain."""
    off, wide, y = normal(rng, n, clustered, 3).T
    mean, std = rng.normal(size=n), np.exp(0.3 * rng.normal(size=n))
    runs = np.repeat(0.3 * normal(rng, n, clustered, 4), MEMBERS // 4, axis=1)
    return Regression(
        y=mean + std * y,
        mean=mean + OFF * std * off,
        std=std * np.exp(WIDE * wide),
        exact_mean=mean,
        exact_std=std,
        member_means=mean[:, None] + runs + rng.normal(size=(n, MEMBERS)),
        **names(n, clustered),
    )


def searches(rng: Rng, n: int, clustered: bool) -> Searches:
    """Twelve draws of an exponential law above the minimum, whose scale is the function's own."""
    scale = np.exp(0.5 * normal(rng, n, clustered)[:, 0])
    minimum = rng.normal(size=n)
    return Searches(
        values=minimum[:, None] + scale[:, None] * rng.exponential(size=(n, STEPS)),
        minimum=minimum,
        **names(n, clustered),
    )


EXACT = {
    "kl-to-exact": float((1 + OFF**2) * np.exp(2 * WIDE**2) - 1) / 2,
    "mean-to-exact": OFF * float(np.sqrt(2 / np.pi) * np.exp(0.3**2 / 2)),
}
SCALE = float(np.exp(0.5**2 / 2))
REGRETS = {
    "simple-regret": SCALE / STEPS,  # the least of T exponentials is one of a T-th of their mean
    "mean-regret": SCALE * float((1 / np.arange(1, STEPS + 1)).mean()),
}
WORLDS = (World("surrogates", surrogates, EXACT), World("searches", searches, REGRETS))
