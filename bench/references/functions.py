"""Functions drawn from a Gaussian process with a fixed kernel, and the exact forecast of a further value.

f ~ GP(0, exp(-(x - x')^2 / (2 LENGTH^2))) on [0, 1], y = f(x) + NOISE e.  Each row is a small data set of its own.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s

LENGTH, NOISE = 0.2, 0.2  # in x, and in y; the functions' own deviation is 1


def kernel(a: Float64s, b: Float64s) -> Float64s:
    """Covariance (..., n, m) of function values at a (..., n) and b (..., m)."""
    return np.exp(-((a[..., :, None] - b[..., None, :]) ** 2) / (2 * LENGTH**2))


def functions(count: int, points: int, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
    """Places x (count, points), uniform on [0, 1], and noisy values y of as many functions."""
    x = draws.random((count, points))
    factor = np.linalg.cholesky(kernel(x, x) + NOISE**2 * np.eye(points))
    return x, (factor @ draws.standard_normal((count, points, 1)))[..., 0]


def exact(x: Float64s, y: Float64s, at: Float64s) -> tuple[Float64s, Float64s]:
    """Mean and standard deviation (b,) of a further noisy value at `at` (b,), given values y (b, n) at x (b, n)."""
    cross = kernel(at[:, None], x)[:, 0]
    weights = np.linalg.solve(kernel(x, x) + NOISE**2 * np.eye(x.shape[1]), cross[..., None])[..., 0]
    variance = 1 + NOISE**2 - (weights * cross).sum(axis=1)
    return (weights * y).sum(axis=1), np.sqrt(variance)


def exact_at(x: Float64s, y: Float64s, at: Float64s) -> tuple[Float64s, Float64s]:
    """Mean and standard deviation (m,) of further noisy values at `at` (m,), given values y (n,) at x (n,)."""
    cross = kernel(at, x)
    weights = np.linalg.solve(kernel(x, x) + NOISE**2 * np.eye(len(x)), cross.T).T
    return weights @ y, np.sqrt(1 + NOISE**2 - (weights * cross).sum(axis=1))


def laid(x: Float64s, y: Float64s, at: Float64s) -> Float64s:
    """One row a question, (b, 2 n + 1): the n places, their values, and the place that is asked about."""
    return np.concatenate([x, y, at[:, None]], axis=1)


def parted(rows: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Undo `laid`: x (b, n), y (b, n), at (b,)."""
    n = (rows.shape[1] - 1) // 2
    return rows[:, :n], rows[:, n : 2 * n], rows[:, -1]
