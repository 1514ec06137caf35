"""Coverage of strata of rows, by size of the set, by class or by origin, under any number of weightings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.metrics.sums import sums

SIZES = (2, 4, 11, 101)  # strata of set sizes: 0-1, 2-3, 4-10, 11-100, more (Angelopoulos et al. 2021)
Strata = Callable[[Float64s], Float64s]


def strata(covered: Bools, names: AnyArray) -> Strata:
    """A function of weights (B, n): coverage of each stratum, (B, S), in the names' order; NaN without weight.

    covered, names: (n,).
    """
    different, code = np.unique(names, return_inverse=True)
    held = sums(code, len(different), covered.astype(np.float64), np.ones(len(covered)))

    def of(w: Float64s) -> Float64s:
        inside, mass = held(w)
        with np.errstate(invalid="ignore", divide="ignore"):
            return inside / mass

    return of


def worst(found: Float64s) -> Float64s:
    """The least coverage of the strata (B, S) that have weight, (B,); NaN where none has."""
    lowest = np.where(np.isnan(found), np.inf, found).min(axis=1)
    return np.where(np.isinf(lowest), np.nan, lowest)


def violation(found: Float64s, level: float) -> Float64s:
    """The largest distance of a stratum's coverage (B, S) from `level`, (B,); NaN where no stratum has weight."""
    return -worst(-np.abs(found - level))
