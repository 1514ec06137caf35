"""Weighted sums over cells of rows, for any number of weightings: one sparse product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s, Ints

Sums = Callable[[Float64s], list[Float64s]]


def sums(cell: Ints, count: int, *columns: Float64s) -> Sums:
    """A function of weights (B, n): the sums of w times each column over the rows of each cell, (B, count) a column.

    cell: (n,), 0 .. count - 1; a row of cell -1 is in none.  columns: (n,) each.  Or both are (n, m), for rows that are
    in m cells, with a value for each.
    """
    from scipy.sparse import csr_array

    n = len(cell)
    where = cell.reshape(n, -1).astype(np.int64)
    place = np.concatenate([where + count * i for i in range(len(columns))], axis=1)
    values = np.concatenate([column.reshape(n, -1) for column in columns], axis=1, dtype=np.float64)
    outside = np.tile(where < 0, len(columns))
    if outside.any():
        place[outside], values[outside] = 0, 0.0
    ends = np.arange(0, place.size + 1, place.shape[1])
    table = csr_array((values.ravel(), place.ravel(), ends), shape=(n, len(columns) * count)).T

    def of(w: Float64s) -> list[Float64s]:
        # Weights of one row stand side by side (see `bench.stats.bootstrap`), as the product wants them.
        wide = (table @ w.T).T
        return [wide[:, i * count : (i + 1) * count] for i in range(len(columns))]

    return of
