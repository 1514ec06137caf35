"""Marginalisation models: networks that give log p of any subset of variables at once, and how consistent they are.

A marginal network answers log p(x_S) in one pass.  Whether it is one model is seen from the residual
log p(x_S) + log p(x_i | x_S) - log p(x_S, x_i), which is 0 throughout for tables of one joint.  Source: Liu,
Ramadge and Adams 2024 (Generative Marginalization Models).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.estimators.masked import Denoiser

# Values (n, D) and which are seen (n, D) -> log-probability of what is seen (n,).
Marginal = Callable[[Ints, Bools], Float64s]


def residuals(marginal: Marginal, conditional: Denoiser, rows: Ints, draws: np.random.Generator) -> Float64s:
    """Squared self-consistency residual of one random subset and one variable more, for each row (n,)."""
    n, dim = rows.shape
    order = draws.random((n, dim)).argsort(axis=1).argsort(axis=1)
    count: Ints = np.asarray(draws.integers(dim, size=n))
    seen = order < count[:, None]
    more = order <= count[:, None]
    place = (more & ~seen).argmax(axis=1)
    logs = conditional(rows, ~seen)[np.arange(n), place, rows[np.arange(n), place]]
    return (marginal(rows, seen) + logs - marginal(rows, more)) ** 2


def chain_gap(marginal: Marginal, conditional: Denoiser, rows: Ints, order: Ints) -> Float64s:
    """What one pass of the marginal network says of whole rows, less what the chain of D conditionals says, (n,)."""
    from bench.estimators.masked import ordered

    whole = marginal(rows, np.ones(rows.shape, dtype=bool))
    return whole - ordered(conditional, rows, np.broadcast_to(order, rows.shape))


class Table:
    """Exact marginals and conditionals of an enumerated joint: the truth of a marginal network.

    values: (m, D), every row once.  log_mass: (m,), normalised or not; it is normalised here.
    """

    def __init__(self, values: Ints, log_mass: Float64s, levels: int) -> None:
        self.values = values
        self.mass = np.exp(log_mass - np.logaddexp.reduce(log_mass))
        self.levels = levels

    def marginal(self, rows: Ints, seen: Bools) -> Float64s:
        """Log-probability of what is seen, (n,)."""
        agrees = (self.values[None] == rows[:, None]) | ~seen[:, None]
        return np.log(agrees.all(axis=2) @ self.mass)

    def conditional(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log-probabilities of each place given what is seen, (n, D, V)."""
        agrees = ((self.values[None] == rows[:, None]) | hidden[:, None]).all(axis=2) * self.mass
        hot = (self.values[:, :, None] == np.arange(self.levels)).astype(np.float64)
        joint = np.einsum("nm,mdv->ndv", agrees, hot)
        with np.errstate(divide="ignore"):
            return np.log(joint / joint.sum(axis=2, keepdims=True))


def ising(size: int, coupling: float, field: float) -> tuple[Ints, Float64s]:
    """All states (2^size, size) of a ring of spins 0 and 1, and their unnormalised log-masses."""
    states = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    spins = 2.0 * states - 1
    return states.astype(np.int64), coupling * (spins * np.roll(spins, 1, axis=1)).sum(axis=1) + field * spins.sum(
        axis=1
    )
