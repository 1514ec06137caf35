"""Simulators whose posterior is known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import AnyArray, Float64s


@dataclass(frozen=True, eq=False)
class LinearGaussian:
    """x = matrix theta + noise, theta ~ N(0, 1), noise ~ N(0, covariance).  matrix: (d, P)."""

    matrix: Float64s
    covariance: Float64s

    @cached_property
    def spread(self) -> Float64s:
        """Covariance of the posterior, (P, P), the same for every observation."""
        inverse = np.linalg.solve(self.covariance, self.matrix)
        precision = np.eye(self.matrix.shape[1]) + self.matrix.T @ inverse
        return np.asarray(np.linalg.inv(precision), dtype=np.float64)

    def means(self, observed: AnyArray) -> Float64s:
        """Mean of the posterior of each observation (n, d), (n, P)."""
        return np.asarray(observed) @ np.linalg.solve(self.covariance, self.matrix) @ self.spread

    def sample(self, n: int, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """Parameters (n, P) and observations (n, d)."""
        parameters = draws.standard_normal((n, self.matrix.shape[1]))
        noise = draws.standard_normal((n, len(self.covariance))) @ np.linalg.cholesky(self.covariance).T
        return parameters, parameters @ self.matrix.T + noise

    def summarised(self, weights: Float64s) -> LinearGaussian:
        """The simulator of weights @ x, weights (k, d)."""
        return LinearGaussian(weights @ self.matrix, weights @ self.covariance @ weights.T)

    @property
    def information(self) -> float:
        """Mutual information of parameters and observation, nats."""
        return -float(np.linalg.slogdet(self.spread)[1]) / 2


def entropy(covariance: Float64s) -> float:
    """Entropy of a Gaussian, nats."""
    return float(np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]) / 2


def neighbour_entropy(points: Float64s, neighbours: int = 3) -> float:
    """Entropy from distances to the k-th neighbour, nats (Kozachenko and Leonenko 1987).  points: (n, d)."""
    from scipy.spatial import cKDTree
    from scipy.special import digamma, gammaln

    n, d = points.shape
    reach = np.asarray(cKDTree(points).query(points, neighbours + 1)[0], dtype=np.float64)[:, -1]
    ball = d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)
    return float(digamma(n) - digamma(neighbours) + ball + d * np.log(reach).mean())


def five() -> LinearGaussian:
    """The simulator behind `likelihood/linear-gaussian`: five parameters, five numbers, a correlated posterior."""
    at = np.arange(5)
    return LinearGaussian(0.7 ** np.abs(at[:, None] - at), 0.5 * np.eye(5))
