"""Covariances that can be inverted, and squared Mahalanobis distances under them."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s


def ledoit_wolf(residuals: AnyArray) -> tuple[Float64s, float]:
    """Covariance of centred rows, shrunk towards a multiple of the identity.

    residuals: (n, d), already centred.  Returns the covariance (1 - s) S + s (tr S / d) I, (d, d), where S = R'R / n,
    and the shrinkage s in [0, 1] that minimises the expected squared error.  A small ridge (1e-12 of the mean
    variance) keeps it invertible where s is 0.  Source: Ledoit and Wolf 2004, "A well-conditioned estimator".
    """
    rows = np.asarray(residuals, dtype=np.float64)
    n, d = rows.shape
    sample = rows.T @ rows / n
    level = float(np.trace(sample)) / d
    spread = float((sample**2).sum()) - d * level**2
    # Mean squared distance of the rows' outer products from S, by ||xx' - S||^2 = |x|^4 - 2 x'Sx + ||S||^2.
    error = float((np.einsum("ij,ij->i", rows, rows) ** 2).mean() - (sample**2).sum()) / n
    shrinkage = float(np.clip(error / spread, 0.0, 1.0)) if spread > 0 else 0.0
    ridge = level * (shrinkage + 1e-12) if level > 0 else 1.0
    return (1 - shrinkage) * sample + ridge * np.eye(d), shrinkage


def squared_distances(points: AnyArray, centres: AnyArray, covariance: Float64s) -> Float64s:
    """Squared Mahalanobis distance of each point to each centre, (n, C).

    points: (n, d).  centres: (C, d).  covariance: (d, d), positive definite.
    """
    from scipy.linalg import cholesky, solve_triangular

    factor = cholesky(covariance, lower=True)
    origin = centres.mean(axis=0)  # centring first keeps the expanded square from cancelling
    a = solve_triangular(factor, (np.asarray(points, dtype=np.float64) - origin).T, lower=True).T
    b = solve_triangular(factor, (np.asarray(centres, dtype=np.float64) - origin).T, lower=True).T
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.maximum(squares, 0.0)


def gaussian_log_density(points: AnyArray, mean: Float64s, covariance: Float64s) -> Float64s:
    """Log-density of a Gaussian at each point, nats, (n,).  points: (n, d); mean: (d,); covariance: (d, d)."""
    sign, log_det = np.linalg.slogdet(covariance)
    if sign <= 0:
        raise np.linalg.LinAlgError("the covariance is not positive definite")
    square = squared_distances(points, mean[None], covariance)[:, 0]
    return -0.5 * (square + log_det + len(mean) * np.log(2 * np.pi))
