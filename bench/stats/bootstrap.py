"""Intervals of metrics of a whole set, by weights: the bootstrap, the jackknife, BCa.

A metric takes weights (B, n) and returns (B,).  A resample of clusters is one row of counts, so all resamples go
through the metric's own code as a matrix, a few millions of weights at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from bench.arrays import Float64s, Ints
from bench.seeds import generator
from bench.stats.design import LEVEL, Design, Estimate, absent, too_few
from bench.stats.means import Range, clipped

Weighted = Callable[[Float64s], Float64s]

CHUNK = 1 << 21  # weights at once: 16 MB, and a few copies of it
RESAMPLES = 1000
FOLDS = 200  # groups of the jackknife behind BCa's acceleration
LARGE = 3e7  # weights; beyond, the jackknife over LARGE_FOLDS groups: as good there, and a tenth of the work
LARGE_FOLDS = 100
SAME = 1e-14  # relative spread that is rounding
DEGENERATE = 0.1  # share of resamples without a value that is borne


def weighted(
    function: Weighted, d: Design, *, seed: int, biased: bool = False, limits: Range = (None, None)
) -> Estimate:
    """A set metric at the design's weights, and its 95 % interval.

    Cluster bootstrap of 1,000 resamples drawn from the seed: BCa (Efron 1987), or for `biased` metrics the basic
    bootstrap, which turns the bias round (its interval may then lie wholly below the value).  Above 30,000 samples t
    on a delete-group jackknife.  No interval for one sample, one cluster, a value that isn't finite, resamples that
    all agree, or more than a tenth of resamples on which the metric is undefined (one class only, say).
    """
    value = float(function(d.weights[None])[0]) if d.rows else math.nan
    if math.isnan(value):
        return Estimate(None, absent(too_few(d) or "undefined at these weights"), d.groups)
    reason = too_few(d) or ("" if math.isfinite(value) else "the value is not finite")
    if reason:
        return Estimate(value, absent(reason), d.groups)
    large = len(d) * RESAMPLES > LARGE
    ends, method = (_large if large else _resampling)(function, d, value, seed=seed, biased=biased)
    return Estimate(value, absent(method) if ends is None else clipped(*ends, limits, method), d.groups)


Ends = tuple[float, float] | None


def _resampling(function: Weighted, d: Design, value: float, *, seed: int, biased: bool) -> tuple[Ends, str]:
    """Ends and method, or no ends and the reason."""
    draws = replicates(function, d, seed=seed)
    finite = draws[np.isfinite(draws)]
    if len(finite) < (1 - DEGENERATE) * len(draws):
        return None, "undefined on too many resamples"
    if np.ptp(finite) <= SAME * abs(value):
        return None, "no variation between resamples"
    if not biased:
        ends = bca(value, finite, jackknife(function, d, seed=seed))
        if ends is not None:
            return ends, "bootstrap BCa"
    return basic(value, finite), "bootstrap basic"


def _large(function: Weighted, d: Design, value: float, *, seed: int, biased: bool) -> tuple[Ends, str]:
    """Ends and method, or no ends and the reason."""
    from scipy.special import stdtrit

    values = jackknife(function, d, seed=seed, folds=LARGE_FOLDS)
    k = len(values)
    error = math.sqrt((k - 1) / k * float(((values - values.mean()) ** 2).sum()))
    if math.isnan(error):
        return None, "undefined on some subsamples"
    if error <= SAME * abs(value):
        return None, "no variation between subsamples"
    centre = k * value - (k - 1) * float(values.mean()) if biased else value
    half = float(stdtrit(k - 1, (1 + LEVEL) / 2)) * error
    return (centre - half, centre + half), f"t(jackknife, {k} groups)"


def replicates(function: Weighted, d: Design, *, seed: int, resamples: int = RESAMPLES) -> Float64s:
    """The metric on resamples of the clusters, with replacement, (resamples,)."""
    return np.concatenate([function(w) for w in _resampled(d, seed, resamples)])


def jackknife(function: Weighted, d: Design, *, seed: int, folds: int = FOLDS) -> Float64s:
    """The metric with each cluster left out in turn, or each of `folds` random groups of clusters, (at most folds,)."""
    fold = np.arange(d.groups)
    if d.groups > folds:
        fold = generator(seed, "jackknife").permutation(d.groups) % folds
    of_row = fold[d.codes]
    count = min(d.groups, folds)
    step = max(1, CHUNK // len(d))
    blocks = [np.arange(start, min(start + step, count)) for start in range(0, count, step)]
    return np.concatenate([function(d.weights * (of_row != block[:, None])) for block in blocks])


def basic(value: float, draws: Float64s) -> tuple[float, float]:
    """Ends of the basic bootstrap interval: quantiles of the resamples, reflected at the value."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(2 * value - high), float(2 * value - low)


def bca(value: float, draws: Float64s, left_out: Float64s) -> tuple[float, float] | None:
    """Ends of the BCa interval (Efron 1987), or `None` where the value lies outside all resamples.

    left_out: jackknife values, whose skewness is the acceleration.  Ties with the value count half.
    """
    from scipy.special import ndtr, ndtri

    below = float(((draws < value).sum() + (draws <= value).sum()) / (2 * len(draws)))
    if below in {0.0, 1.0}:
        return None
    shift = ndtri(below)
    spread = left_out[np.isfinite(left_out)]
    spread = spread.mean() - spread
    square = float((spread**2).sum())
    acceleration = float((spread**3).sum()) / (6 * square**1.5) if square > 0 else 0.0
    z = shift + ndtri(np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    low, high = np.quantile(draws, ndtr(shift + z / (1 - acceleration * z)))
    return float(low), float(high)


def _resampled(d: Design, seed: int, resamples: int) -> Iterator[Float64s]:
    rng = generator(seed, "bootstrap")
    step = max(1, CHUNK // len(d))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(0, d.groups, size=(size, d.groups))
        counts = _counts(drawn, d.groups)
        # Rows of weight 0 may borrow any cluster's count.
        each = counts if d.plain and d.rows == len(d) else counts[:, d.codes]
        yield each * d.weights


def _counts(drawn: Ints, groups: int) -> Ints:
    """How often each cluster was drawn in each row, (B, groups)."""
    size = len(drawn)
    flat = drawn + groups * np.arange(size)[:, None]
    return np.bincount(flat.ravel(), minlength=size * groups).reshape(size, groups)
