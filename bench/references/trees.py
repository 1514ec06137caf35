"""A tree of Gaussian states, whose every density is in closed form."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.covariance import gaussian_log_density

# Standard normal states on a tree, each correlated with its parent's by BOND, seen through noise.
PARENTS: Ints = np.array([-1, 0, 0, 1, 1])
BOND, NOISE = 0.8, 0.6


def log_normal(x: Float64s, mean: Float64s, spread: float) -> Float64s:
    """Log-density of N(mean, spread^2)."""
    return -(((x - mean) / spread) ** 2) / 2 - np.log(spread) - np.log(2 * np.pi) / 2


def bond(parent: Float64s, child: Float64s) -> Float64s:
    """Log-density of each child's state (N,) given each parent's (M,), (M, N)."""
    return log_normal(child[None, :], BOND * parent[:, None], float((1 - BOND**2) ** 0.5))


def covariance() -> Float64s:
    """Of what is seen of the states, (5, 5)."""
    size = len(PARENTS)
    found = np.eye(size)
    for i in range(1, size):
        found[i, :i] = found[:i, i] = BOND * found[PARENTS[i], :i]
    return found + NOISE**2 * np.eye(size)


def sample(n: int, draws: np.random.Generator) -> Float64s:
    """`n` independent rows, (n, 5)."""
    size = len(PARENTS)
    return draws.standard_normal((n, size)) @ np.linalg.cholesky(covariance()).T


def log_prob(rows: Float64s) -> Float64s:
    """Exact log-density of rows (n, 5), (n,)."""
    return gaussian_log_density(rows, np.zeros(len(PARENTS)), covariance())
