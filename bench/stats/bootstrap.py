"""Intervals of metrics of a whole set, by weights: the bootstrap, the jackknife, BCa.

A metric takes weights (B, n) and returns (B,).  A resample of clusters is one row of counts, so resamples go through
the metric's own code as matrices, which are small enough to stay in a processor's cache and are shown to every metric
before the next: what several need of one (`bench.latest`) is worked out once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import Norm
from bench.latest import frozen
from bench.seeds import generator
from bench.stats.design import Design, Estimate, absent, critical_t, design, too_few
from bench.stats.means import Range, clipped
from bench.stats.norms import Form, inverted

Weighted = Callable[[Float64s], Float64s]
Ends = tuple[float, float] | None

CHUNK = 1 << 17  # weights at once: 1 MB, for beyond it fresh pages cost more than the arithmetic
RESAMPLES = 1000
NORMAL = 1.959963984540054  # standard normal quantile of (1 + LEVEL) / 2
FOLDS = 200  # groups of the jackknife behind BCa's acceleration
LARGE = 3e7  # weights; beyond, the jackknife over LARGE_FOLDS groups: as good there, and a tenth of the work
LARGE_FOLDS = 100
GAUSSIAN = 64  # rows; the count of more of them in a resample is as good as Gaussian: 8 standard deviations from 0
SAME = 1e-14  # relative spread that is rounding
DEGENERATE = 0.1  # share of resamples without a value that is borne


@dataclass(frozen=True)
class Statistic:
    """A set metric to be given an interval: its function of weights, its value, whether it is biased, its range.

    norm, gaps: of a norm of noisy gaps, which one (or a function of gaps (L, K) -> (L,)), and the function of weights
    (B, n) -> (B, K) that gives these.
    """

    function: Weighted
    value: float
    biased: bool = False
    limits: Range = (None, None)
    norm: Norm | Form | None = None
    gaps: Weighted | None = None

    @property
    def drawn(self) -> Weighted:
        """What is to be known of each resample: the gaps where there are any, else the value."""
        return self.gaps or self.function


def weighted(
    function: Weighted, d: Design, *, seed: int, biased: bool = False, limits: Range = (None, None)
) -> Estimate:
    """A set metric at the design's weights, and its 95 % interval: `estimates` of one."""
    return estimates([Statistic(function, point(function, d), biased, limits)], d, seed=seed)[0]


def point(function: Weighted, d: Design) -> float:
    """A set metric at the design's weights; NaN where there is no row.  `ValueError` for a result that isn't (1,)."""
    if not d.rows:
        return math.nan
    same = d.weights.strides == (0,)  # one number for all rows
    found = np.asarray(function(d.weights[None] if same else frozen(d.weights[None].copy())))
    if found.shape != (1,):
        raise ValueError(f"a metric of weights (1, n) returned shape {found.shape}; it must return (1,)")
    return float(found[0])


def estimates(statistics: Sequence[Statistic], d: Design, *, seed: int) -> list[Estimate]:
    """Set metrics with their 95 % intervals, from the same draws.

    Cluster bootstrap of 1,000 resamples drawn from the seed: BCa (Efron 1987), or for `biased` metrics the basic
    bootstrap, which turns the bias round (its interval may then lie wholly below the value); for a norm of gaps the
    values that a test does not reject (`bench.stats.norms`).  All reach further where clusters are few (`reach`).
    Above 30,000 samples t on a delete-group jackknife.  No interval for one sample, one cluster, a value that isn't
    finite, resamples that all agree, or more than a tenth of resamples on which the metric is undefined (one class
    only, say).
    """
    reasons = [unable(s.value, d) for s in statistics]
    able = [s for s, reason in zip(statistics, reasons, strict=True) if not reason]
    found = iter((_large if len(d) * RESAMPLES > LARGE else _resampling)(able, d, seed))
    return [
        _estimate(s, *((None, reason) if reason else next(found)), d)
        for s, reason in zip(statistics, reasons, strict=True)
    ]


def _estimate(s: Statistic, ends: Ends, method: str, d: Design) -> Estimate:
    value = None if math.isnan(s.value) else s.value
    return Estimate(value, absent(method) if ends is None else clipped(*ends, s.limits, method), d.groups)


def unable(value: float, d: Design) -> str:
    """Why there can be no interval; empty where there may be one."""
    if math.isnan(value):
        return too_few(d) or "undefined at these weights"
    return too_few(d) or ("" if math.isfinite(value) else "the value is not finite")


def _resampling(statistics: Sequence[Statistic], d: Design, seed: int) -> list[tuple[Ends, str]]:
    """Ends and method, or no ends and the reason, of each."""
    draws = _through([s.drawn for s in statistics], resampled(d, seed=seed))
    skewed = [s.function for s in statistics if not s.biased and s.gaps is None]
    left_out = iter(_through(skewed, left(d, seed=seed)))
    return [
        _norm_ends(s, each, d)
        if s.gaps is not None
        else _bootstrap_ends(s.value, each, None if s.biased else next(left_out), d.groups)
        for s, each in zip(statistics, draws, strict=True)
    ]


def _norm_ends(s: Statistic, draws: Float64s, d: Design) -> tuple[Ends, str]:
    """By test inversion, from the gaps on resamples (B, K)."""
    if s.gaps is None or s.norm is None:
        raise TypeError("a norm needs its gaps")
    found = draws[np.isfinite(draws).all(axis=1)]
    if len(found) < (1 - DEGENERATE) * len(draws):
        return None, "undefined on too many resamples"
    ends = inverted(s.gaps(frozen(d.weights[None].copy()))[0], found, s.norm, stretch=reach(d.groups) / NORMAL)
    if ends is None:
        return None, "no variation between resamples"
    return ends, "test inversion" + ("" if callable(s.norm) or s.norm in {"l2", "square"} else ", conservative")


def gathered(
    statistics: Sequence[tuple[Statistic, Weighted, Weighted]], rows: Float64s, codes: Ints, d: Design, *, seed: int
) -> list[Estimate]:
    """Set metrics of n rows of equal weight with their intervals, from resamples of K cells of rows.

    Each comes as its value, and as its function of the cells' weights (B, K), first where these come from leaving rows
    out, then where from drawing them.  rows: (K,), how many each cell holds.  codes: (n,), the cell of each row.
    As `estimates`, but of more than 30,000 rows (independent then) a cell's weight in a resample is a Poisson draw (of
    more than 64 rows, the Gaussian of its mean and variance), scaled to n rows: in effect a multinomial draw.  What
    gathering does to the value is taken off.
    """
    whole = design(len(rows), weights=rows)
    able = [each for each in statistics if not unable(each[0].value, d)]
    many = len(d) * RESAMPLES > LARGE
    drawn = _cell_draws(rows, seed) if many else _cluster_draws(len(rows), codes, d, seed)
    draws = iter(_through([resampled for _, _, resampled in able], drawn))
    plain = [f for s, f, _ in able if not s.biased and s.gaps is None]
    left_out = iter(_through(plain, _cells_left(rows, codes, d, seed)))
    found = []
    for s, function, _ in statistics:
        reason = unable(s.value, d)
        if reason:
            found.append(_estimate(s, None, reason, d))
            continue
        if s.gaps is not None:
            ends, method = _norm_ends(s, next(draws), whole)
        else:
            moved = next(draws) + (s.value - point(function, whole))
            ends, method = _bootstrap_ends(s.value, moved, None if s.biased else next(left_out), d.groups)
        found.append(_estimate(s, ends, method if ends is None else f"{method}, {len(rows)} cells", d))
    return found


def _cell_draws(rows: Float64s, seed: int) -> Iterator[Float64s]:
    """Weights of K cells in resamples of their rows, (B, K) a chunk."""
    rng = generator(seed, "cells")
    step = max(1, CHUNK // len(rows))
    many = rows > GAUSSIAN
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        w = np.empty((len(rows), size))
        w[~many] = rng.poisson(rows[~many, None], size=(int((~many).sum()), size))
        normal = rng.standard_normal(size=(int(many.sum()), size), dtype=np.float32)
        w[many] = rows[many, None] + np.sqrt(rows[many, None]) * normal
        w *= rows.sum() / w.sum(axis=0)  # as many draws in each resample as there are rows
        yield frozen(w.T)


def _cluster_draws(cells: int, codes: Ints, d: Design, seed: int) -> Iterator[Float64s]:
    """Weights of K cells in the resamples of clusters that `resampled` gives, (B, K) a chunk."""
    from scipy.sparse import csr_array

    holds = csr_array((np.ones(len(codes)), (codes, d.codes)), shape=(cells, d.groups))
    counts = _counts(seed, d.groups, RESAMPLES)
    step = max(1, CHUNK // max(cells, d.groups))
    for start in range(0, RESAMPLES, step):
        yield frozen((holds @ counts[:, start : start + step].astype(np.float64)).T)


def _cells_left(rows: Float64s, codes: Ints, d: Design, seed: int) -> Iterator[Float64s]:
    """Weights of K cells with each cluster left out in turn, or each of FOLDS random groups of clusters."""
    folds = min(d.groups, FOLDS)
    fold = _folds(d.groups, folds, seed)
    if d.groups < len(codes):
        fold = fold[d.codes]
    step = max(1, CHUNK // len(rows))
    for start in range(0, folds, step):
        size = min(step, folds - start)
        here = (fold >= start) & (fold < start + size)
        place = np.multiply(codes[here], size, dtype=np.int64) + (fold[here] - fold.dtype.type(start))
        out = np.bincount(place, minlength=len(rows) * size).reshape(len(rows), size)
        yield frozen((rows[:, None] - out).T)


def _folds(groups: int, folds: int, seed: int) -> Ints:
    """The group of the jackknife of each cluster, (groups,): its own, or a random one of `folds`."""
    fold = np.resize(np.arange(min(groups, folds), dtype=np.min_scalar_type(folds)), groups)
    if groups > folds:
        generator(seed, "jackknife").shuffle(fold)
    return fold


def _bootstrap_ends(value: float, draws: Float64s, left_out: Float64s | None, groups: int) -> tuple[Ends, str]:
    """BCa, or basic where no jackknife values are given or BCa has no ends."""
    finite = draws[np.isfinite(draws)]
    if len(finite) < (1 - DEGENERATE) * len(draws):
        return None, "undefined on too many resamples"
    if np.ptp(finite) <= SAME * abs(value):
        return None, "no variation between resamples"
    z = reach(groups)
    ends = None if left_out is None else bca(value, finite, left_out, z)
    return (basic(value, finite, z), "bootstrap basic") if ends is None else (ends, "bootstrap BCa")


def _large(statistics: Sequence[Statistic], d: Design, seed: int) -> list[tuple[Ends, str]]:
    """Ends and method, or no ends and the reason, of each."""
    all_left = _through([s.drawn for s in statistics], left(d, seed=seed, folds=LARGE_FOLDS))
    return [
        _norm_ends(s, _spread(each, seed), d) if s.gaps is not None else _jackknife_ends(s.value, each, s.biased)
        for s, each in zip(statistics, all_left, strict=True)
    ]


def _spread(left_out: Float64s, seed: int) -> Float64s:
    """Gaussian draws (RESAMPLES, K) of the covariance that the jackknife gives gaps left out (folds, K)."""
    k = len(left_out)
    centred = left_out - left_out.mean(axis=0)
    z = generator(seed, "spread").standard_normal((RESAMPLES, k))
    return left_out.mean(axis=0) + math.sqrt((k - 1) / k) * (z @ centred)


def _jackknife_ends(value: float, values: Float64s, biased: bool) -> tuple[Ends, str]:
    k = len(values)
    error = math.sqrt((k - 1) / k * float(((values - values.mean()) ** 2).sum()))
    if math.isnan(error):
        return None, "undefined on some subsamples"
    if error <= SAME * abs(value):
        return None, "no variation between subsamples"
    centre = k * value - (k - 1) * float(values.mean()) if biased else value
    half = critical_t(k - 1) * error
    return (centre - half, centre + half), f"t(jackknife, {k} groups)"


def _through(functions: Sequence[Weighted], chunks: Iterator[Float64s]) -> list[Float64s]:
    """The value of each function on each row of all chunks."""
    if not functions:
        return []
    parts = [[f(w) for f in functions] for w in chunks]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def replicates(function: Weighted, d: Design, *, seed: int, resamples: int = RESAMPLES) -> Float64s:
    """The metric on resamples of the clusters, with replacement, (resamples,)."""
    return _through([function], resampled(d, seed=seed, resamples=resamples))[0]


def jackknife(function: Weighted, d: Design, *, seed: int, folds: int = FOLDS) -> Float64s:
    """The metric with each cluster left out in turn, or each of `folds` random groups of clusters, (at most folds,)."""
    return _through([function], left(d, seed=seed, folds=folds))[0]


def reach(groups: int) -> float:
    """How many standard deviations of its resamples an interval of a mean of `groups` clusters must reach.

    sqrt(G / (G - 1)) times the t quantile of G - 1 degrees of freedom (Hesterberg 2015, What Teachers Should Know about
    the Bootstrap: the expanded percentile interval): resamples of few clusters spread too little.
    """
    return math.sqrt(groups / (groups - 1)) * critical_t(groups - 1)


def basic(value: float, draws: Float64s, z: float = NORMAL) -> tuple[float, float]:
    """Ends of the basic bootstrap interval: quantiles of the resamples at Phi(-z), Phi(z), reflected at the value."""
    from scipy.special import ndtr

    low, high = np.quantile(draws, ndtr([-z, z]))
    return float(2 * value - high), float(2 * value - low)


def bca(value: float, draws: Float64s, left_out: Float64s, z: float = NORMAL) -> tuple[float, float] | None:
    """Ends of the BCa interval (Efron 1987), or `None` where the value lies outside all resamples.

    left_out: jackknife values, whose skewness is the acceleration.  z: of the nominal level.  Ties with the value count
    half.
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
    ends = shift + np.array([-z, z])
    # Beyond 1 / acceleration the map would turn round: the end is then that of the draws.
    room = 1 - acceleration * ends
    levels = np.where(room > 0, ndtr(shift + ends / np.where(room > 0, room, 1)), ends > 0)
    low, high = np.quantile(draws, levels)
    return float(low), float(high)


def resampled(d: Design, *, seed: int, resamples: int = RESAMPLES) -> Iterator[Float64s]:
    """Weights of resamples of the clusters, with replacement, (B, n) a chunk: read-only, the rows' weights adjacent."""
    counts = _counts(seed, d.groups, resamples)
    step = max(1, CHUNK // len(d))
    # Rows of weight 0 may borrow any cluster's count.
    own = d.plain and d.rows == len(d)
    for start in range(0, resamples, step):
        each = counts[:, start : start + step]
        yield frozen(((each if own else each[d.codes]) * d.weights[:, None]).T)


def left(d: Design, *, seed: int, folds: int = FOLDS) -> Iterator[Float64s]:
    """Weights with each cluster left out in turn, or each of `folds` random groups of clusters, as `resampled`."""
    of_row = _folds(d.groups, folds, seed)[d.codes]
    count = min(d.groups, folds)
    step = max(1, CHUNK // len(d))
    for start in range(0, count, step):
        block = np.arange(start, min(start + step, count))
        yield frozen(((of_row[:, None] != block) * d.weights[:, None]).T)


@lru_cache(maxsize=2)  # as many bytes as there are draws: 30 MB at most, and records of one cell are of one length
def _counts(seed: int, groups: int, resamples: int) -> Ints:
    """How often each cluster was drawn in each resample, (groups, resamples)."""
    rng = generator(seed, "bootstrap")
    counts = np.empty((groups, resamples), dtype=np.uint8)  # nothing is drawn 256 times of more: p < 1e-500
    step = max(1, CHUNK // groups)
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = rng.integers(0, groups, size=(size, groups))
        drawn += groups * np.arange(size)[:, None]
        flat = np.bincount(drawn.ravel(), minlength=size * groups)
        counts[:, start : start + size] = flat.reshape(size, groups).T
    return frozen(counts)
