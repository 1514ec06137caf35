"""Simulated pairs of models in clusters, and how far a simulated rate may lie from its truth."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Bools, Float64s


def noise(rate: float, repetitions: int) -> float:
    """4.5 standard errors of a simulated rate."""
    return 4.5 * math.sqrt(rate * (1 - rate) / repetitions)


def rates(rng: np.random.Generator, clusters: int, p: float, icc: float) -> Float64s:
    """A beta-distributed chance for each cluster, (clusters,)."""
    rest = (1 - icc) / icc
    return rng.beta(p * rest, (1 - p) * rest, clusters)


def answers(
    rng: np.random.Generator, clusters: int, size: int, p: float, icc: float, shift: float = 0.0
) -> tuple[Bools, Bools]:
    """Two models of equal accuracy p (the second lower by `shift`), each clustered by itself: (n,), (n,)."""
    n = clusters * size
    first = rng.random(n) < np.repeat(rates(rng, clusters, p, icc), size)
    return first, rng.random(n) < np.repeat(rates(rng, clusters, p - shift, icc), size)
