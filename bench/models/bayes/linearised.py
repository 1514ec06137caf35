"""Laplace's approximation over all weights, asked through the network's linearisation at the optimum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.arrays import Float64s
from bench.models.bayes.laplace import output_curvature
from bench.models.bayes.networks import Posterior, Problem, forward, outputs
from bench.seeds import generator

if TYPE_CHECKING:
    from torch import Tensor

# Entries of Jacobians held at once.
_CELLS = 1 << 23


def jacobian(theta: Float64s, widths: tuple[int, ...], rows: Float64s) -> Float64s:
    """Derivatives (n, out, size) of the outputs for rows (n, d) by the weights (size,)."""
    import torch

    def one(at: Tensor, row: Tensor) -> Tensor:
        return forward(at, widths, row[None])[0]

    found = torch.func.vmap(torch.func.jacrev(one), in_dims=(None, 0))(torch.from_numpy(theta), torch.from_numpy(rows))
    return np.asarray(found.numpy())


def curvature(problem: Problem, theta: Float64s) -> Float64s:
    """Gauss-Newton matrix of all weights plus the prior's precision, (size, size)."""
    rows = problem.rows.numpy()
    curve = output_curvature(outputs(theta[None], problem.widths, rows)[0], classes=problem.classes)
    matrix = np.diag(problem.precisions.numpy())
    for part in _blocks(len(rows), problem.widths[-1] * len(theta)):
        slopes = jacobian(theta, problem.widths, rows[part])
        matrix += np.einsum("nop,nor->pr", slopes, curve[part] @ slopes, optimize=True)
    return matrix


def all_layers(problem: Problem, optimum: Tensor, draws: int, seed: int) -> Float64s:
    """The optimum, and draws that are Gaussian about it, (1 + S, size)."""
    from scipy.linalg import solve_triangular

    theta = optimum.numpy()
    factor = np.linalg.cholesky(curvature(problem, theta))
    noise = generator(seed, "laplace").standard_normal((len(theta), draws))
    return np.vstack([theta, theta + solve_triangular(factor.T, noise, lower=False).T])


class Linearised(Posterior):
    """Answers of f(optimum) + J (draw - optimum): what is Gaussian in the weights is so in the outputs."""

    def each(self, rows: Float64s) -> Float64s:
        """See `Posterior`."""
        assert self.samples is not None  # noqa: S101 - fit comes first
        theta, steps = self.samples[0], self.samples[1:] - self.samples[0]
        centre = outputs(theta[None], self.widths, rows)
        parts = [
            np.einsum("sp,nop->sno", steps, jacobian(theta, self.widths, rows[part]), optimize=True)
            for part in _blocks(len(rows), self.widths[-1] * len(theta))
        ]
        return centre + np.concatenate(parts, axis=1)


def _blocks(n: int, cells: int) -> list[slice]:
    size = max(1, _CELLS // cells)
    return [slice(start, start + size) for start in range(0, max(n, 1), size)]
