"""Asking continuous densities about discrete data, by uniform noise within each cell.

For a density q and noise u uniform on the unit cube, E log q(x + u) <= log of the mass that q gives to the cell
[x, x + 1), by Jensen's inequality: a lower bound on the log-mass, in units of one grey level, so that nothing has to
be added for a change of scale.  Source: Theis, van den Oord and Bethge 2016, arXiv:1511.01844.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.arrays import Float64s
from bench.capabilities import LogDensity
from bench.seeds import derive

DRAWS = 8
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def lower_bound(
    log_density: Callable[[Float64s], Float64s], rows: Float64s, seed: int, draws: int = DRAWS
) -> LogDensity:
    """The mean of log q(x + u) over `draws` draws of u, (n,), with its standard error.  rows: (n, d), integers."""
    values = np.stack([np.asarray(log_density(dequantised(rows, seed, draw))) for draw in range(draws)])
    error = values.std(axis=0, ddof=1) / np.sqrt(draws) if draws > 1 else None
    return LogDensity(values.mean(axis=0), likelihood="lower", dequantisation="uniform", mc_error=error)


def dequantised(rows: Float64s, seed: int, draw: int = 0) -> Float64s:
    """Rows plus uniform noise in [0, 1), (n, d).

    The noise of a row depends on (seed, draw, the row itself) alone, never on its neighbours in the batch; equal
    rows get equal noise.  Made by the SplitMix64 mixer (Steele, Lea and Flood 2014), counting over columns.
    """
    start = np.uint64(derive(seed, "dequantisation", draw))
    with np.errstate(over="ignore"):  # 64-bit arithmetic wraps by design
        steps = np.multiply(np.arange(1, rows.shape[1] + 1, dtype=np.uint64), GOLDEN)
        content = _mixed((rows.astype(np.float64) + 0.0).view(np.uint64))  # + 0.0: one zero, not two
        key = _mixed(np.bitwise_xor.reduce(_mixed(np.add(content, steps)), axis=1) + start)
        bits = _mixed(np.add(key[:, None], steps))
    return rows + (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
