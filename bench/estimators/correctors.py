"""Feynman-Kac correctors: samples of annealed, product and guided densities from the scores of diffusions.

In reversed time dx = drift dt + g dW, and each particle's log-weight grows by a rate; resampling by these weights makes
q^beta, q_1 q_2 or q_1^(1 - w) q_2^w exact where plain guidance is not, and their mean is the constant of that density.
Skreta et al. 2025, arXiv:2503.02819.
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
from bench.estimators.weights import log_mean_exp, weighed
from bench.seeds import generator


@dataclass(frozen=True, eq=False)
class Particles:
    """Particles (K, d), their log-weights since they were last resampled (K,), and the log of the target's constant."""

    places: Float64s
    logs: Float64s
    log_z: float


def corrected(
    scores: Sequence[Score],
    sde: Diffusion,
    *,
    particles: int,
    dims: int,
    beta: float = 1.0,
    weight: float | None = None,
    steps: int = 500,
    seed: int = 0,
    least: float = 0.5,
) -> Particles:
    """Particles of q^beta from one score; of q_1 q_2 from two; of q_1^(1 - w) q_2^w from two and a weight w.

    By Euler steps in reversed time, from the same density of the noise.  `least`: the share of particles that must
    count, or they are resampled.  `UsageError` for other numbers of scores, and a beta with two of them.
    """
    import torch

    if len(scores) not in {1, 2} or beta <= 0 or (len(scores) == 2 and beta != 1) or (len(scores) == 1 and weight):
        raise UsageError(
            f"{len(scores)} scores with beta {beta:g} have no corrector",
            cause="one score is annealed by a beta above 0, two are multiplied or, with a weight, averaged",
            fix="give one score and beta, or two scores",
        )
    power = beta if len(scores) == 1 else 2.0 if weight is None else 1.0
    draws = generator(seed, "corrector", particles, dims)
    x = draws.standard_normal((particles, dims)) * sde.prior / np.sqrt(power)
    logs = np.zeros(particles)
    # The integral of N(x; 0, s^2)^power.
    log_z = dims / 2 * ((1 - power) * np.log(2 * np.pi * sde.prior**2) - np.log(power))
    times = np.linspace(sde.end, sde.start, steps + 1)
    for now, later in pairwise(times):
        t = torch.full((particles,), now, dtype=torch.float64)
        factor, square = (float(term[0]) for term in sde.terms(t))
        with torch.no_grad():
            at = [score(torch.as_tensor(x), t).numpy() for score in scores]
        drift, rate = terms(x, at, factor, square, beta, weight)
        h = now - later
        x = x + h * drift + np.sqrt(square * h) * draws.standard_normal(x.shape)
        logs = logs + h * rate
        if weighed(logs[None]).ess[0] < least * particles:
            log_z += float(log_mean_exp(logs))
            x, logs = x[systematic(logs, draws)], np.zeros(particles)
    return Particles(x, logs, float(log_z + log_mean_exp(logs)))


def terms(
    x: Float64s, at: list[Float64s], factor: float, square: float, beta: float, weight: float | None
) -> tuple[Float64s, Float64s]:
    """Drift (K, d) and rate of the log-weight (K,), from scores `at` each place; the diffusion's own drift: factor * x.

    square: g^2 at that time.  beta: of one score; weight: of two, or `None` for their product.
    """
    spreading = factor * x.shape[1]
    if len(at) == 1:
        rate = (beta - 1) * (spreading + 0.5 * square * beta * (at[0] ** 2).sum(axis=1))
        return -factor * x + beta * square * at[0], rate
    if weight is not None:
        rate = 0.5 * square * weight * (weight - 1) * ((at[0] - at[1]) ** 2).sum(axis=1)
        return -factor * x + square * ((1 - weight) * at[0] + weight * at[1]), rate
    return -factor * x + square * (at[0] + at[1]), spreading + square * (at[0] * at[1]).sum(axis=1)
