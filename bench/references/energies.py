"""Energies whose constant is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import Float64s
from bench.references.mixtures import ring as mixture

LOG_CONSTANT = 3.0


def ring() -> Callable[[Float64s], Float64s]:
    """An energy (n,) of rows (n, 2) whose density is that of `likelihood/gaussian-mixture`; log Z is 3."""
    known = mixture()
    return lambda rows: -known.log_prob(rows) - LOG_CONSTANT


@dataclass(frozen=True)
class DoubleWell:
    """E(x, y) = (x^2 - 1.5)^2 - x / 2 + y^2 / 2: two wells along x, the right one deeper; y is standard normal."""

    def __call__(self, rows: Float64s) -> Float64s:
        """The energy of rows (n, 2), (n,)."""
        return _along(rows[:, 0]) + 0.5 * rows[:, 1] ** 2

    def slope(self, rows: Float64s) -> Float64s:
        """Its gradient, (n, 2)."""
        x = rows[:, 0]
        return np.stack([4 * x * (x**2 - 1.5) - 0.5, rows[:, 1]], axis=1)

    @cached_property
    def log_z(self) -> float:
        """By the trapezoid rule, which is exact to rounding for so smooth a function that vanishes at both ends."""
        axis = np.linspace(-4.5, 4.5, 2001)
        return float(np.log(np.exp(-_along(axis)).sum() * (axis[1] - axis[0])) + 0.5 * np.log(2 * np.pi))

    def log_prob(self, rows: Float64s) -> Float64s:
        """Exact log-density, (n,)."""
        return -self(rows) - self.log_z

    def sample(self, n: int, draws: np.random.Generator) -> Float64s:
        """`n` independent points, (n, 2): x by inverting its distribution function, tabled at 100,001 places."""
        axis = np.linspace(-4.5, 4.5, 100_001)
        mass = np.exp(-_along(axis))
        below = np.concatenate([[0.0], np.cumsum((mass[1:] + mass[:-1]) / 2)])
        return np.stack([np.interp(draws.random(n) * below[-1], below, axis), draws.standard_normal(n)], axis=1)


def well() -> DoubleWell:
    """The energy behind `likelihood/double-well`."""
    return DoubleWell()


def _along(x: Float64s) -> Float64s:
    return (x**2 - 1.5) ** 2 - 0.5 * x
