"""The interval of which of several means is the greatest, by testing each."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.results import Interval
from bench.seeds import generator
from bench.stats.design import LEVEL, Design, absent, too_few
from bench.stats.means import cr1_covariance

DRAWS = 4000


def best_ends(values: Float64s, d: Design) -> Interval:
    """The 95 % interval of the place, 0 .. K - 1, of the greatest of the means of K columns (n, K).

    A place is held where no other's mean is clearly greater: the largest difference to another over its standard error
    (CR1) lies below what 95 % of correlated t's of G - 1 degrees of freedom stay below (Hsu 1981, of unequal and
    dependent errors).  The interval runs from the first place held to the last.
    """
    total = float(d.weights.sum())
    if reason := too_few(d):
        return absent(reason)
    means = (d.weights @ values) / total
    scores = d.weights[:, None] * (values - means) / total
    parts = np.stack([d.totals(column) for column in scores.T], axis=1)
    covariance, variances = cr1_covariance(parts)
    # What is left of a variance of 0 by rounding.
    errors = np.where(variances > 1e-13 * covariance.max(), np.sqrt(np.maximum(variances, 0.0)), 0.0)
    if not errors.any():
        return absent("no variation")
    rng = generator(0, "best")
    size, vectors = np.linalg.eigh(covariance)
    noise = (rng.standard_normal((DRAWS, len(means))) * np.sqrt(np.maximum(size, 0.0))) @ vectors.T
    noise /= np.sqrt(rng.chisquare(d.groups - 1, (DRAWS, 1)) / (d.groups - 1))
    held = [k for k in range(len(means)) if _held(k, means, errors[k], noise)]
    method = "test inversion" if d.groups == d.rows else "test inversion (CR1)"
    return Interval(low=float(held[0]), high=float(held[-1]), method=method)


def _held(k: int, means: Float64s, errors: Float64s, noise: Float64s) -> bool:
    """Whether no mean is clearly greater than the k-th; errors: (K,), of the differences to it."""
    ahead, varies = means - means[k], errors > 0
    if (ahead[~varies] > 0).any():
        return False
    largest = ((noise[:, varies] - noise[:, k : k + 1]) / errors[varies]).max(axis=1, initial=-np.inf)
    return bool((ahead[varies] <= np.quantile(largest, LEVEL) * errors[varies]).all())
