"""The world of preferred and rejected texts."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from bench.records import Preferences
from benchmarks.worlds.world import Rng, World, names, normal


def preferences(rng: Rng, n: int, clustered: bool) -> Preferences:
    """Log-likelihoods of which the preferred text's is 1 nat greater in the mean, and lost half a nat in training."""
    z = normal(rng, n, clustered, 5).T
    chosen, rejected = -30 + 3 * z[0], -31 + 3 * z[1]
    return Preferences(
        chosen=chosen,
        rejected=rejected,
        chosen_reference=chosen + 0.5 - z[2],
        rejected_reference=rejected + 1 - 1.5 * z[3],
        ches_mean=np.exp(0.5 * z[4]),
        **names(n, clustered),
    )


KNOWN = {
    "preference-accuracy": ndtr(1 / np.sqrt(18)),
    "implicit-reward-accuracy": ndtr(0.5 / np.sqrt(3.25)),
    "chosen-displacement": -0.5,
    "rejected-displacement": -1.0,
    "displaced-share": ndtr(0.5),
    "ches": np.exp(0.125),
}
WORLDS = (World("preferences", preferences, KNOWN),)
