"""Intervals from models that were fitted without a part of the data: jackknife+ and CV+."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.conformal.thresholds import order
from bench.errors import UsageError

BLOCK = 1 << 22  # numbers at once


def plus(low: Float64s, high: Float64s, folds: Ints, scores: Float64s, alpha: float) -> tuple[Float64s, Float64s]:
    """Ends of the CV+ interval for m new rows, (m,) each.

    low, high: (m, K), the ends that the model fitted without fold k gives the new rows; both its point prediction for
    residuals.  folds: (n,), the fold of each training row, 0 .. K-1.  scores: (n,), how far y lay outside what the
    model without that row's fold said: |y - point|, or max(low - y, y - high).  With a fold a row this is jackknife+.

    The interval reaches from the floor(alpha (n + 1))-th smallest of low - score to the ceil((1 - alpha) (n + 1))-th
    smallest of high + score, without end where there are not so many.  It holds a new outcome with probability at least
    1 - 2 alpha whatever the model, and about 1 - alpha for a stable one.  Where its ends cross, it is their middle.
    Source: Barber, Candes, Ramdas and Tibshirani 2021, Predictive inference with the jackknife+; with quantiles: Gupta,
    Kuchibhotla and Ramdas 2022.
    """
    if len(folds) != len(scores) or low.shape != high.shape:
        raise UsageError("folds and scores differ in length", cause="each training row has both", fix="align them")
    n, k = len(scores), order(len(scores), alpha)
    lower, upper = np.full(len(low), -np.inf), np.full(len(low), np.inf)
    if k <= n:
        step = max(1, BLOCK // max(1, n))
        for start in range(0, len(low), step):
            rows = slice(start, start + step)
            # The floor(alpha (n + 1))-th smallest is the k-th largest.
            lower[rows] = -np.partition(scores - low[rows][:, folds], k - 1, axis=1)[:, k - 1]
            upper[rows] = np.partition(high[rows][:, folds] + scores, k - 1, axis=1)[:, k - 1]
    return ordered(lower, upper)


def minmax(low: Float64s, high: Float64s, scores: Float64s, alpha: float) -> tuple[Float64s, Float64s]:
    """Ends of the jackknife-minmax (CV-minmax) interval, (m,) each; arguments as for `plus`.

    The outermost ends over the models, widened by the conformal threshold of the scores: coverage at least 1 - alpha.
    """
    from bench.conformal.thresholds import threshold

    width = threshold(scores, alpha)
    return low.min(axis=1) - width, high.max(axis=1) + width


def ordered(lower: Float64s, upper: Float64s) -> tuple[Float64s, Float64s]:
    """The ends, and where they cross (the conformal set is empty) their middle twice: a set that holds no less."""
    with np.errstate(invalid="ignore"):
        middle = np.where(lower > upper, lower + (upper - lower) / 2, 0.0)
    crossed = lower > upper
    return np.where(crossed, middle, lower), np.where(crossed, middle, upper)
