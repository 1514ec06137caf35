"""Laplace's approximation over a network's last layer."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import Float64s
from bench.models.bayes.networks import Problem, outputs
from bench.models.regressors import NARROWEST
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor


def last_layer(problem: Problem, optimum: Tensor, draws: int, seed: int) -> Float64s:
    """Draws (S, size) that differ in the last layer alone, Gaussian about the optimum."""
    theta = optimum.numpy()
    precision = curvature(problem, theta)
    factor = np.linalg.cholesky(precision)
    noise = generator(seed, "laplace").standard_normal((len(precision), draws))
    samples = np.tile(theta, (draws, 1))
    samples[:, -len(precision) :] += np.linalg.solve(factor.T, noise).T
    return samples


def curvature(problem: Problem, theta: Float64s) -> Float64s:
    """Gauss-Newton matrix (which is the Fisher matrix) of the last layer plus the prior's precision, (k, k).

    k = (inputs of the layer + 1) x outputs, in the order of the vector: an input's weights to all outputs together.
    """
    rows = problem.rows.numpy()
    features = _features(theta, problem.widths, rows)
    out = outputs(theta[None], problem.widths, rows)[0]
    curve = output_curvature(out, classes=problem.classes)
    ends = problem.widths[-1]
    matrix = np.empty((features.shape[1], ends, features.shape[1], ends))
    for o in range(ends):
        for p in range(ends):
            matrix[:, o, :, p] = features.T @ (curve[:, o, p, None] * features)
    size = features.shape[1] * ends
    return matrix.reshape(size, size) + np.diag(problem.precisions.numpy()[-size:])


def output_curvature(out: Float64s, *, classes: bool) -> Float64s:
    """Fisher matrix of each row's outputs, (n, out, out)."""
    if classes:
        shares = np.exp(out - out.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        return np.asarray(np.eye(out.shape[1]) * shares[:, :, None] - shares[:, :, None] * shares[:, None, :])
    std = np.logaddexp(0.0, out[:, 1]) + NARROWEST
    slope = 1 / (1 + np.exp(-out[:, 1]))  # of softplus
    curve = np.zeros((len(out), 2, 2))
    curve[:, 0, 0] = 1 / std**2
    curve[:, 1, 1] = 2 * (slope / std) ** 2
    return curve


def _features(theta: Float64s, widths: tuple[int, ...], rows: Float64s) -> Float64s:
    """Inputs of the last layer, with a one for its bias, (n, k)."""
    x, at = rows, 0
    for a, b in pairwise(widths[:-1]):
        x = np.maximum(x @ theta[at : at + a * b].reshape(a, b) + theta[at + a * b : at + (a + 1) * b], 0.0)
        at += (a + 1) * b
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
