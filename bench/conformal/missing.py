"""Conformal intervals where inputs have missing values: calibration with the missingness of the test row.

An interval calibrated on rows of all kinds of missingness holds on average, and too seldom for rows that miss much.
Masking the calibration rows as the test row is masked mends that.  Source: Zaffran, Dieuleveut, Josse and Romano 2023,
Conformal Prediction with Missing Values (CP-MDA).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Bools, Float64s
from bench.conformal.folds import ordered
from bench.conformal.thresholds import order, threshold

# From inputs (b, d), NaN where missing, to the ends of a first interval, (b,) each; it imputes within.
Ends = Callable[[Float64s], tuple[Float64s, Float64s]]


def exact(ends: Ends, inputs: Float64s, y: Float64s, test: Float64s, alpha: float) -> tuple[Float64s, Float64s]:
    """CP-MDA-Exact: for each mask, the calibration rows that miss nothing else, masked alike; ends (m,) each.

    inputs: (n, d) calibration inputs with NaN; y: (n,); test: (m, d).  Coverage is at least 1 - alpha for every mask
    where values are missing completely at random.  Without end for a mask that too few calibration rows can take on.
    """
    lower, upper = ends(test)
    missing = np.isnan(inputs)
    for mask, rows in _masks(test):
        usable = ~(missing & ~mask).any(axis=1)
        width = threshold(_scores(ends, inputs[usable], y[usable], mask), alpha) if usable.any() else np.inf
        lower[rows], upper[rows] = lower[rows] - width, upper[rows] + width
    return ordered(lower, upper)


def nested(ends: Ends, inputs: Float64s, y: Float64s, test: Float64s, alpha: float) -> tuple[Float64s, Float64s]:
    """CP-MDA-Nested: all calibration rows, each with its own mask joined to the test row's; ends (m,) each.

    The test row is predicted under each joined mask, and the ends are the order statistics of those predictions widened
    by the scores, as in CV+.  No row is lost, so intervals end where `exact` has too few.
    """
    n, k = len(y), order(len(y), alpha)
    lower, upper = np.full(len(test), -np.inf), np.full(len(test), np.inf)
    if k > n:
        return lower, upper
    for mask, rows in _masks(test):
        joined, of_row = np.unique(np.isnan(inputs) | mask, axis=0, return_inverse=True)
        of_row = of_row.reshape(n)
        scores = _scores(ends, inputs, y, mask)
        each = [ends(np.where(one, np.nan, test[rows])) for one in joined]
        low, high = (np.stack([e[side] for e in each], axis=1)[:, of_row] for side in (0, 1))
        lower[rows] = -np.partition(scores - low, k - 1, axis=1)[:, k - 1]
        upper[rows] = np.partition(high + scores, k - 1, axis=1)[:, k - 1]
    return ordered(lower, upper)


def _masks(test: Float64s) -> list[tuple[Bools, Bools]]:
    """Each pattern of missing values (d,), and the rows (m,) that have it."""
    missing = np.isnan(test)
    patterns, of_row = np.unique(missing, axis=0, return_inverse=True)
    return [(pattern, of_row.reshape(len(test)) == i) for i, pattern in enumerate(patterns)]


def _scores(ends: Ends, inputs: Float64s, y: Float64s, mask: Bools) -> Float64s:
    low, high = ends(np.where(mask, np.nan, inputs))
    return np.maximum(low - y, y - high)
