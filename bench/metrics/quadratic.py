"""The distribution of a quadratic form in normal variables: a weighted sum of chi-squares."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s

RESOLUTION = 1e-7  # of what is left out
CHUNK = 1 << 20


def quadratic_tail(spectrum: Float64s, x: float) -> float:
    """P(sum_k l_k Z_k^2 > x) for independent standard normal Z_k, to within about 1e-6; never outside [0, 1].

    spectrum: (m,), the weights l_k >= 0, one of them above 0.  By inversion of the characteristic function (Davies
    1980): a sum over a grid of frequencies fine enough that the next image of the distribution is beyond its tail, up
    to where the function has died down.  One weight alone is the chi-square itself.
    """
    from scipy.special import chdtrc

    top = float(spectrum.max())
    weights = np.sort(spectrum)[::-1] / top
    # The least weights hold so little of the variance that they are as good as their mean.
    kept = 1 + int((np.cumsum(weights**2) < (1 - RESOLUTION) * (weights**2).sum()).sum())
    at = x / top - float(weights[kept:].sum())
    weights = weights[:kept]
    if at <= 0:
        return 1.0
    if len(weights) == 1:
        return float(chdtrc(1, at))
    beyond = 4 * math.log(1e10) + 1.4 * float(weights.sum())
    if at > beyond:  # Chernoff: less than 1e-10 lies there
        return 0.0
    step = 2 * math.pi / beyond
    total, start, size = 0.5, 0, 64
    while True:
        k = np.arange(start, start + size) + 0.5
        turned = 2 * np.outer(k * step, weights)
        modulus = np.exp(-np.log1p(turned**2).sum(axis=1) / 4)
        phase = np.arctan(turned).sum(axis=1) / 2 - k * step * at
        total += float((np.sin(phase) * modulus / (math.pi * k)).sum())
        if modulus[-1] / (math.pi * k[-1]) < RESOLUTION * step:
            return min(max(total, 0.0), 1.0)
        start, size = start + size, min(2 * size, max(64, CHUNK // kept))
