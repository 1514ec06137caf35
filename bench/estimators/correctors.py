"""Feynman-Kac correctors: samples of annealed and product densities from the scores of diffusions.

In reversed time dx = drift dt + g dW, and each particle's log-weight grows by a rate; resampling by these weights makes
q^beta (or q_1 q_2) exact where plain guidance is not.  Skreta et al. 2025, arXiv:2503.02819.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.estimators.annealing import systematic
from bench.estimators.diffusion import Diffusion, Score
from bench.estimators.weights import weighed
from bench.seeds import generator


@dataclass(frozen=True, eq=False)
class Particles:
    """Particles (K, d), and their log-weights since they were last resampled, (K,)."""

    places: Float64s
    logs: Float64s


def corrected(
    scores: Sequence[Score],
    sde: Diffusion,
    *,
    particles: int,
    dims: int,
    beta: float = 1.0,
    steps: int = 500,
    seed: int = 0,
    least: float = 0.5,
) -> Particles:
    """Particles of q^beta from one score, or of q_1 q_2 from two (beta is then 1), by Euler steps in reversed time.

    They begin as the noise's density to the power beta, or to the power 2.  `UsageError` for other numbers of scores.
    """
    import torch

    if len(scores) not in {1, 2} or beta <= 0 or (len(scores) == 2 and beta != 1):
        raise UsageError(
            f"{len(scores)} scores with beta {beta:g} have no corrector",
            cause="one score is annealed by a beta above 0, two are multiplied with beta 1",
            fix="give one or two scores",
        )
    draws = generator(seed, "corrector", particles, dims)
    x = draws.standard_normal((particles, dims)) * sde.prior / np.sqrt(beta if len(scores) == 1 else 2)
    logs = np.zeros(particles)
    times = np.linspace(sde.end, sde.start, steps + 1)
    for now, later in pairwise(times):
        t = torch.full((particles,), now, dtype=torch.float64)
        factor, square = (float(term[0]) for term in sde.terms(t))
        with torch.no_grad():
            at = [score(torch.as_tensor(x), t).numpy() for score in scores]
        drift, rate = _terms(x, at, factor, square, beta)
        h = now - later
        x = x + h * drift + np.sqrt(square * h) * draws.standard_normal(x.shape)
        logs = logs + h * rate
        if weighed(logs[None]).ess[0] < least * particles:
            x, logs = x[systematic(logs, draws)], np.zeros(particles)
    return Particles(x, logs)


def _terms(x: Float64s, at: list[Float64s], factor: float, square: float, beta: float) -> tuple[Float64s, Float64s]:
    """Drift (K, d) and rate of the log-weight (K,), the diffusion's own drift being factor * x."""
    spreading = factor * x.shape[1]
    if len(at) == 1:
        rate = (beta - 1) * (spreading + 0.5 * square * beta * (at[0] ** 2).sum(axis=1))
        return -factor * x + beta * square * at[0], rate
    return -factor * x + square * (at[0] + at[1]), spreading + square * (at[0] * at[1]).sum(axis=1)
