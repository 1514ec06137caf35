"""Gaussian mixtures with known parameters: exact log-density, exact samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Float64s
from bench.covariance import gaussian_log_density
from bench.seeds import generator


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of K Gaussians in d dimensions: weights (K,) that sum to 1, means (K, d), covariances (K, d, d)."""

    weights: Float64s
    means: Float64s
    covariances: Float64s

    def log_prob(self, points: AnyArray) -> Float64s:
        """Exact log-density, nats, (n,).  points: (n, d)."""
        parts = [
            np.log(w) + gaussian_log_density(points, mean, covariance)
            for w, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True)
        ]
        return np.logaddexp.reduce(np.stack(parts), axis=0)

    def sample(self, n: int, draws: np.random.Generator) -> Float64s:
        """`n` independent points, (n, d)."""
        component = draws.choice(len(self.weights), size=n, p=self.weights)
        noise = draws.standard_normal((n, self.means.shape[1]))
        factors = np.linalg.cholesky(self.covariances)
        return self.means[component] + np.einsum("nij,nj->ni", factors[component], noise)


def ring(components: int = 8, radius: float = 4.0, spread: float = 0.5) -> Mixture:
    """Equal round Gaussians (standard deviation `spread`) at even angles on a circle of that radius, in the plane."""
    angle = 2 * np.pi * np.arange(components) / components
    means = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    covariances = np.broadcast_to(spread**2 * np.eye(2), (components, 2, 2)).copy()
    return Mixture(np.full(components, 1 / components), means, covariances)


def scattered(dim: int = 32, components: int = 4, seed: int = 0) -> Mixture:
    """Equal Gaussians with full covariances of their own (eigenvalues from .1 to about 1.3), well apart."""
    draws = generator(seed, "scattered-mixture", dim, components)
    factors = draws.standard_normal((components, dim, dim)) / np.sqrt(dim)
    covariances = 0.3 * factors @ factors.transpose(0, 2, 1) + 0.1 * np.eye(dim)
    means = np.sqrt(2) * draws.standard_normal((components, dim))
    return Mixture(np.full(components, 1 / components), means, covariances)


def source(dim: int) -> Mixture | None:
    """The mixture that the suite's tasks of that dimension are drawn from; `None` where there is none."""
    return {2: ring, 32: scattered}[dim]() if dim in {2, 32} else None
