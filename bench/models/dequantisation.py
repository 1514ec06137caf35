"""Asking continuous densities about discrete data, by noise within each cell.

For a density q and noise u uniform on the unit cube, E log q(x + u) <= log of the mass that q gives to the cell
[x, x + 1), by Jensen's inequality: a lower bound on the log-mass, in units of one grey level, so that nothing has to
be added for a change of scale.  Source: Theis, van den Oord and Bethge 2016, arXiv:1511.01844.  The mean of K densities
instead of one inside the logarithm is a tighter bound, and exact for many draws: Hoogeboom et al. 2020,
arXiv:2001.11235.
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


def lower_bound(
    log_density: Callable[[Float64s], Float64s],
    rows: Float64s,
    seed: int,
    draws: int = DRAWS,
    method: str = "uniform",
) -> LogDensity:
    """A lower bound of the log-mass that a density gives to the cells of rows (n, d), integers; with its error.

    method: "uniform" takes the mean of log q(x + u) over `draws` draws of u; "importance" the logarithm of the mean of
    q(x + u), which is tighter, with the effective number of draws and their Pareto k.
    """
    if method not in METHODS or draws < 1:
        raise UsageError(
            f"discrete data cannot be dequantised by {draws} draws, '{method}'",
            cause=f"it is at least one draw, and {' or '.join(METHODS)}",
            fix="dequantisation=uniform",
        )
    values = np.stack([np.asarray(log_density(dequantised(rows, seed, draw))) for draw in range(draws)])
    if method == "importance":
        found = weighed(values.T)
        return LogDensity(
            found.log_mean,
            likelihood="lower",
            dequantisation="importance",
            **density_fields(found, draws),
        )
    error = values.std(axis=0, ddof=1) / np.sqrt(draws) if draws > 1 else None
    return LogDensity(values.mean(axis=0), likelihood="lower", dequantisation="uniform", mc_error=error)


def dequantised(rows: Float64s, seed: int, draw: int = 0) -> Float64s:
    """Rows plus uniform noise in [0, 1), (n, d); the noise of a row depends on (seed, draw, the row itself) alone."""
    return rows + row_uniforms(rows, rows.shape[1], seed, "dequantisation", draw)
