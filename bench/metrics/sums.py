"""Weighted sums over cells of rows, for any number of weightings: one sparse product."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s, Ints

Sums = Callable[[Float64s], list[Float64s]]


def sums(cell: Ints, count: int, *columns: Float64s, offsets: Ints | None = None) -> Sums:
    """A function of weights (B, n): the sums of w times each column over the rows of each cell, (B, count) a column.

    cell: (n,), 0 .. count - 1; a row of cell -1 is in none.  columns: (n,) each.  Or both are (n, m), for rows that are
    in m cells, with a value for each.  offsets: (n + 1,), where rows hold any number of cells: row i those from
    offsets[i] to offsets[i + 1].
    """
    from scipy.sparse import csr_array

    where = cell.reshape(len(cell), -1).astype(np.int64)
    place = np.concatenate([where + count * i for i in range(len(columns))], axis=1)
    values = np.concatenate([column.reshape(len(cell), -1) for column in columns], axis=1, dtype=np.float64)
    outside = np.tile(where < 0, len(columns))
    if outside.any():
        place[outside], values[outside] = 0, 0.0
    ends = place.shape[1] * (np.arange(len(cell) + 1) if offsets is None else offsets)
    table = csr_array((values.ravel(), place.ravel(), ends), shape=(len(ends) - 1, len(columns) * count)).T

    def of(w: Float64s) -> list[Float64s]:
        # Weights of one row stand side by side (see `bench.stats.bootstrap`), as the product wants them.
        wide = (table @ w.T).T
        return [wide[:, i * count : (i + 1) * count] for i in range(len(columns))]

    return of
