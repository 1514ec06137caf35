"""Asking continuous densities about discrete data, by noise within each cell.

For a density q and noise u uniform on the unit cube, E log q(x + u) <= log of the mass that q gives to the cell
[x, x + 1), by Jensen's inequality: a lower bound on the log-mass, in units of one grey level, so that nothing has to
be added for a change of scale.  Source: Theis, van den Oord and Bethge 2016, arXiv:1511.01844.  Noise from a density
r(u | x) of its own, E log q(x + u) - log r(u | x), is tighter, and exact where r is q within the cell: variational
dequantisation, Ho et al. 2019, arXiv:1902.00275.  The mean of K such ratios inside the logarithm instead of outside is
tighter still, and exact for many draws: Hoogeboom et al. 2020, arXiv:2001.11235.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import LogDensity
from bench.errors import UsageError
from bench.estimators.weights import density_fields, weighed
from bench.seeds import row_uniforms

DRAWS = 8
METHODS = ("uniform", "importance")
LEARNT = ("variational", "variational-importance")
# (rows (n, d), number of the draw) -> noise in the unit cube (n, d), and its log-density (n,)
Noise = Callable[[Float64s, int], tuple[Float64s, Float64s]]


def lower_bound(
    log_density: Callable[[Float64s], Float64s],
    rows: Float64s,
    seed: int,
    draws: int = DRAWS,
    method: str = "uniform",
    noise: Noise | None = None,
) -> LogDensity:
    """A lower bound of the log-mass that a density gives to the cells of rows (n, d), integers; with its error.

    method: "uniform" takes the mean of log q(x + u) over `draws` draws of u; "importance" the logarithm of the mean of
    q(x + u), which is tighter, with the effective number of draws and their Pareto k.  noise: of a density of its own,
    for "variational" (the mean) and "variational-importance" (the logarithm of the mean).
    """
    known = METHODS if noise is None else LEARNT
    if method not in known or draws < 1:
        raise UsageError(
            f"discrete data cannot be dequantised by {draws} draws, '{method}'",
            cause=f"it is at least one draw, and {' or '.join(known)}",
            fix=f"dequantisation={known[0]}",
        )
    values = np.stack([_ratio(log_density, rows, seed, draw, noise) for draw in range(draws)])
    form = "variational" if noise is not None else method
    if method.endswith("importance"):
        found = weighed(values.T)
        return LogDensity(
            found.log_mean,
            likelihood="lower",
            dequantisation=form,
            estimator=f"importance-weighted noise (K = {draws})" if noise is not None else "",
            **density_fields(found, draws),
        )
    error = values.std(axis=0, ddof=1) / np.sqrt(draws) if draws > 1 else None
    return LogDensity(values.mean(axis=0), likelihood="lower", dequantisation=form, mc_error=error)


def _ratio(
    log_density: Callable[[Float64s], Float64s], rows: Float64s, seed: int, draw: int, noise: Noise | None
) -> Float64s:
    if noise is None:
        return np.asarray(log_density(dequantised(rows, seed, draw)))
    shift, log_noise = noise(rows, draw)
    return np.asarray(log_density(rows + shift)) - log_noise


def dequantised(rows: Float64s, seed: int, draw: int = 0) -> Float64s:
    """Rows plus uniform noise in [0, 1), (n, d); the noise of a row depends on (seed, draw, the row itself) alone."""
    return rows + row_uniforms(rows, rows.shape[1], seed, "dequantisation", draw)
