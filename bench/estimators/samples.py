"""Proper losses of generative models from samples alone: for models that tell no probabilities.

Source: Waggoner and Frongillo-style polynomial losses and Poisson sampling, "Proper losses for discrete generative
models" (2022).
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints


def squared_loss(equal_pairs: Float64s, hits: Float64s) -> Float64s:
    """Unbiased for |p - q|² - |q|² where outcomes come from q: share of equal pairs of draws, less twice that of hits.

    equal_pairs: of all pairs of two different draws, the share that are equal.  hits: share of draws that equal the
    outcome.
    """
    return equal_pairs - 2 * hits


def pair_share(counts: Ints, draws: int) -> Float64s:
    """Of all ordered pairs of different draws, the share that are equal, from counts (..., K) of K outcomes."""
    times = np.asarray(counts, dtype=np.float64)
    return (times * (times - 1)).sum(axis=-1) / (draws * (draws - 1))


def poisson_loss(misses: Ints, rate: float, cap: int = 0) -> Float64s:
    """Unbiased for -log p(y) from Poisson(rate) many draws, of which `misses` differ from y: Σ_k (m)_k / (k rate^k).

    cap: the last k that is summed (0: all); then it falls short by at most the rest of the series,
    Σ_(k > cap) (1 - p)^k / k.  Uncapped its variance is infinite wherever rate is too small for 1 - p.
    """
    missed = np.asarray(misses, dtype=np.float64)
    last = int(missed.max(initial=0)) if cap == 0 else cap
    total, falling = np.zeros_like(missed), np.ones_like(missed)
    for k in range(1, last + 1):
        falling = falling * (missed - k + 1) / rate
        total += falling / k
    return total


def geometric_loss(failures: Ints) -> Float64s:
    """Unbiased for -log p(y) from draws until y comes: the harmonic number of the draws that failed before."""
    failures = np.asarray(failures, dtype=np.int64)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(failures.max(initial=0)) + 1))])
    return harmonic[failures]
