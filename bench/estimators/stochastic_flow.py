"""Stochastic normalising flows: invertible layers and random moves in turn, with the weight of the whole path.

log w = -u_X(y_T) + u_Z(y_0) + sum of dS, where dS is log |det J| of a layer, and for a random move the log-ratio of its
reversed to its forward probability.  E[w] = Z_X / Z_Z for any parameters; walked backwards from samples of the target,
E[1 / w] = Z_Z / Z_X, so that the mean of log w is below log Z one way and above it the other.  Source: Wu, Koehler and
Noe 2020, arXiv:2002.06707.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.arrays import Float64s

Potential = Callable[[Float64s], Float64s]  # (n, d) -> (n,)
Force = Callable[[Float64s], Float64s]  # gradient of a potential, (n, d) -> (n, d)


class Block(Protocol):
    """One step of a path."""

    def __call__(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """Where (n, d) goes, and its dS, (n,)."""
        ...

    def back(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """Where (n, d) comes from, by the reversed step, and dS of the step from there to y, (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class Affine:
    """y -> A y + b: an invertible layer."""

    matrix: Float64s
    shift: Float64s

    def __call__(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:  # noqa: ARG002
        """DS = log |det A|."""
        return y @ self.matrix.T + self.shift, np.full(len(y), np.linalg.slogdet(self.matrix)[1])

    def back(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:  # noqa: ARG002
        """The inverse."""
        before = np.linalg.solve(self.matrix, (y - self.shift).T).T
        return np.asarray(before, dtype=np.float64), np.full(len(y), np.linalg.slogdet(self.matrix)[1])


@dataclass(frozen=True, eq=False)
class Langevin:
    """One step of overdamped Langevin dynamics, without rejection."""

    force: Force
    step: float

    def __call__(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """DS = (|eta|^2 - |eta'|^2) / 2, eta' being the noise that would lead back."""
        there, eta, back = self._moved(y, draws)
        return there, 0.5 * ((eta**2).sum(axis=1) - (back**2).sum(axis=1))

    def back(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """The same step: it is its own reverse but for its probability."""
        there, eta, back = self._moved(y, draws)
        return there, 0.5 * ((back**2).sum(axis=1) - (eta**2).sum(axis=1))

    def _moved(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s, Float64s]:
        """Where y goes, the noise that brings it there, and the noise that would bring it back."""
        eta = draws.standard_normal(y.shape)
        there = y - self.step * self.force(y) + np.sqrt(2 * self.step) * eta
        return there, eta, (y - there + self.step * self.force(there)) / np.sqrt(2 * self.step)


@dataclass(frozen=True, eq=False)
class Metropolis:
    """One Metropolis step at a potential, with a round Gaussian proposal."""

    potential: Potential
    width: float

    def __call__(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """DS = u(y') - u(y), by detailed balance."""
        moved = metropolis(y, lambda x: -self.potential(x), self.width, draws)
        return moved, self.potential(moved) - self.potential(y)

    def back(self, y: Float64s, draws: np.random.Generator) -> tuple[Float64s, Float64s]:
        """The same step, which is its own reverse."""
        before, gained = self(y, draws)
        return before, -gained


def metropolis(
    x: Float64s, log_density: Callable[[Float64s], Float64s], width: float, draws: np.random.Generator
) -> Float64s:
    """One step that leaves a density unchanged, (n, d)."""
    there = x + width * draws.standard_normal(x.shape)
    accepted = np.log(draws.random(len(x))) < log_density(there) - log_density(x)
    return np.where(accepted[:, None], there, x)


def path_weights(
    start: Float64s, base: Potential, blocks: Sequence[Block], target: Potential, draws: np.random.Generator
) -> tuple[Float64s, Float64s]:
    """Where samples of the base (n, d) end, and the log-weights of their paths, (n,)."""
    y, total = start, base(start)
    for block in blocks:
        y, gained = block(y, draws)
        total = total + gained
    return y, total - target(y)


def reversed_weights(
    ends: Float64s, base: Potential, blocks: Sequence[Block], target: Potential, draws: np.random.Generator
) -> tuple[Float64s, Float64s]:
    """Where paths walked backwards from samples of the target (n, d) begin, and their log-weights, (n,)."""
    y, total = ends, -target(ends)
    for block in reversed(blocks):
        y, gained = block.back(y, draws)
        total = total + gained
    return y, total + base(y)
