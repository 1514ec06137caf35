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


def experts() -> tuple[Mixture, Mixture]:
    """Two densities of the plane: two modes of unlike shares and widths, and a broad one with a ridge across it."""
    one = Mixture(
        np.array([0.7, 0.3]), np.array([[-1.5, 0.0], [1.5, 0.0]]), np.stack([0.5 * np.eye(2), 0.15 * np.eye(2)])
    )
    ridge = np.array([[1.5, 0.6], [0.6, 0.5]])
    return one, Mixture(np.array([0.4, 0.6]), np.array([[1.0, 0.5], [-0.5, -0.5]]), np.stack([ridge, np.eye(2)]))


def background() -> Mixture:
    """A broad round Gaussian of the plane, which guidance leads away from."""
    return Mixture(np.ones(1), np.array([[-0.6, 0.0]]), 2.5 * np.eye(2)[None])


def product(one: Mixture, other: Mixture) -> tuple[Mixture, float]:
    """The density in proportion to the product of two, again a mixture, and the log of the product's integral.

    Two Gaussians multiply to one, with the sum of their precisions, times N(m_1; m_2, S_1 + S_2).
    """
    logs, means, covariances = [], [], []
    for w, m, s in zip(one.weights, one.means, one.covariances, strict=True):
        for v, n, t in zip(other.weights, other.means, other.covariances, strict=True):
            logs.append(np.log(w * v) + float(gaussian_log_density(m[None], n, s + t)[0]))
            gain = np.linalg.solve(s + t, s).T
            means.append(m + gain @ (n - m))
            covariances.append(gain @ t)
    log_z = float(np.logaddexp.reduce(logs))
    return Mixture(np.exp(np.array(logs) - log_z), np.array(means), np.array(covariances)), log_z


def quotient(one: Mixture, gaussian: Mixture) -> tuple[Mixture, float]:
    """The density in proportion to a mixture over one Gaussian, wider than all its components; and its log-integral."""
    (centre,), (wide,) = gaussian.means, np.linalg.inv(gaussian.covariances)
    logs, means, covariances = [], [], []
    for w, m, s in zip(one.weights, one.means, one.covariances, strict=True):
        precision = np.linalg.inv(s)
        narrow = np.linalg.inv(precision - wide)
        mean = narrow @ (precision @ m - wide @ centre)
        # At its own mean, what is left of the ratio is its height.
        ratio = gaussian_log_density(mean[None], m, s) - gaussian.log_prob(mean[None])
        logs.append(np.log(w) + float((ratio - gaussian_log_density(mean[None], mean, narrow))[0]))
        means.append(mean)
        covariances.append(narrow)
    log_z = float(np.logaddexp.reduce(logs))
    return Mixture(np.exp(np.array(logs) - log_z), np.array(means), np.array(covariances)), log_z
