"""Functions with known minima, for those who search for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s


@dataclass(frozen=True, eq=False)
class Landscape:
    """A function on the unit cube: (n, dim) -> (n,), its minimum, and where it is reached, (k, dim)."""

    dim: int
    function: Callable[[Float64s], Float64s]
    minimum: float
    places: Float64s


def branin(unit: Float64s) -> Float64s:
    """Branin's function of x in [-5, 10], y in [0, 15], both given in [0, 1]."""
    x, y = 15 * unit[:, 0] - 5, 15 * unit[:, 1]
    valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10


_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(unit: Float64s) -> Float64s:
    """Hartmann's function of six variables in [0, 1]: four wells of different depth."""
    apart = (_A * (unit[:, None] - _P) ** 2).sum(axis=2)
    return -np.exp(-apart) @ _ALPHA


LANDSCAPES = {
    "branin": Landscape(
        2,
        branin,
        # At x = ±π + 2πk the cosine is -1 where the valley is 0: 10 / (8 π).
        10 / (8 * np.pi),
        np.array([[5 - np.pi, 12.275], [5 + np.pi, 2.275], [5 + 3 * np.pi, 2.475]]) / 15,
    ),
    "hartmann-6": Landscape(
        6,
        hartmann6,
        -3.32236801141551,
        np.array([[0.20168952, 0.15001069, 0.47687398, 0.27533243, 0.31165162, 0.65730054]]),
    ),
}


def expected_improvement(best: float, mean: Float64s, std: Float64s) -> Float64s:
    """E max(best - f, 0) for f ~ N(mean, std²), (n,): what a further evaluation is expected to gain in a minimum."""
    from scipy.special import ndtr

    wide = np.maximum(std, 1e-300)
    z = (best - mean) / wide
    return np.maximum(wide * (z * ndtr(z) + np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)), 0.0)
