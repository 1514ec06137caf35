"""Futures drawn one after the other from a predictive law: martingale posteriors whose limits are known."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.seeds import generator


def polya_futures(successes: int, seen: int, futures: int, length: int, seed: int) -> Float64s:
    """Predictive probability of a success after `length` more draws from the urn (s + 1) / (n + 2), (futures,).

    As the length grows its law is Beta(s + 1, n - s + 1), the posterior under a uniform prior.
    """
    draws = generator(seed, "urn")
    count = np.full(futures, float(successes))
    for k in range(length):
        count += draws.random(futures) < (count + 1) / (seen + k + 2)
    return np.asarray((count + 1) / (seen + length + 2))


def normal_futures(mean: float, variance: float, noise: float, futures: int, length: int, seed: int) -> Float64s:
    """Posterior mean after `length` more draws from the predictive N(mean, variance + noise), (futures,).

    Belief N(mean, variance) about the mean of draws with variance `noise`; as the length grows the law of its mean is
    that belief.
    """
    draws = generator(seed, "normal")
    at = np.full(futures, mean)
    for _ in range(length):
        drawn = at + np.sqrt(variance + noise) * draws.standard_normal(futures)
        gain = variance / (variance + noise)
        at = at + gain * (drawn - at)
        variance *= 1 - gain
    return at
