"""Worlds of models with latent or hidden parts: marginals, and gradients of a bound."""

from __future__ import annotations

import numpy as np

from bench.records import Marginals, Signals
from benchmarks.worlds.world import Rng, World, names, normal


def marginals(rng: Rng, n: int, clustered: bool) -> Marginals:
    """Marginals that disagree with the conditionals, and lie a little above what these give."""
    seen, gap, residual = normal(rng, n, clustered, 3).T
    dim = rng.integers(1, 17, n)
    chained = -0.7 * dim * np.exp(0.2 * seen)
    return Marginals(
        log_prob=chained + 0.1 + 0.3 * gap, dim=dim, residual=0.2 * residual, chained=chained, **names(n, clustered)
    )


def signals(rng: Rng, n: int, clustered: bool) -> Signals:
    """Ratios of signal to noise with a long tail."""
    generator, inference = normal(rng, n, clustered, 2).T
    return Signals(generator=3 * np.exp(0.5 * generator), inference=np.abs(inference), **names(n, clustered))


SIGNALS = {"generator-signal": 3 * float(np.exp(0.5**2 / 2)), "inference-signal": float(np.sqrt(2 / np.pi))}
WORLDS = (
    World("marginals", marginals, {"self-consistency": 0.2**2, "chain-gap": 0.1}),
    World("signals", signals, SIGNALS),
)
