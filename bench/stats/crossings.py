"""The interval of the largest share that can be accepted at a risk, by testing every share."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.results import Interval
from bench.stats.design import Design, critical_t

NEIGHBOURS = 20  # the error rate at a threshold is that of a twentieth of the weight on either side


def acceptance_ends(confidence: Float64s, wrong: Bools, risk: float, d: Design) -> Interval:
    """The 95 % interval of the largest share c of rows whose most confident ones err at a rate of at most `risk`.

    confidence, wrong: (n,).  For each threshold the errors beyond the risk among the rows accepted are held against 0,
    over their standard error from cluster totals, which is no less than that of errors at exactly that risk.  The low
    end is the largest share that errs clearly less (t of G - 1 degrees of freedom, 2.5 %), for the answer is no
    smaller; the high end the largest that does not err clearly more.  The error of the share itself is taken in: a row
    that is accepted beyond its share stands for one at the threshold.
    """
    order = np.argsort(-confidence, kind="stable")
    w, codes = d.weights[order], d.codes[order]
    excess = w * (wrong[order] - risk)
    mass = np.cumsum(w)
    share = mass / mass[-1]
    sums = np.cumsum(excess)
    # In units of the whole weight; the totals of clusters, so far and in the end.
    whole = d.totals(d.weights)[codes]
    products = _Products(codes, excess, w, whole, float((d.totals(d.weights) ** 2).sum()))
    slope = _slope(excess, mass) if len(w) else excess
    variance = products.excess - 2 * slope * (products.mixed - share * products.excess_whole)
    spread = products.mass - 2 * share * products.mass_whole + share**2 * products.whole
    variance += slope**2 * np.maximum(spread, 0.0)
    least = risk * (1 - risk) * np.cumsum(w * w) + slope**2 * share * (1 - share) * float((w * w).sum())
    error = np.sqrt(d.groups / (d.groups - 1) * np.maximum(variance, least))
    reach = critical_t(d.groups - 1)
    # Rows of one confidence are accepted together.
    last = np.append(confidence[order][1:] != confidence[order][:-1], True) & (mass > 0)
    share, sums, error = share[last], sums[last], error[last]
    low = _farthest(share, sums < -reach * error)
    high = _farthest(share, sums <= reach * error)
    method = "test inversion" if d.groups == d.rows else "test inversion (CR1)"
    return Interval(low=low, high=max(low, high), method=method)


def _farthest(share: Float64s, holds: Bools) -> float:
    return float(share[holds][-1]) if holds.any() else 0.0


def _slope(excess: Float64s, mass: Float64s) -> Float64s:
    """Excess of errors for each unit of weight about each row, (n,)."""
    sums = np.concatenate([[0.0], np.cumsum(excess)])
    ends = np.concatenate([[0.0], mass])
    reach = mass[-1] / NEIGHBOURS
    first, after = np.searchsorted(ends, mass - reach), np.searchsorted(ends, mass + reach, side="right") - 1
    first = np.minimum(np.maximum(first, 0), after - 1)
    return (sums[after] - sums[first]) / np.maximum(ends[after] - ends[first], np.finfo(float).tiny)


class _Products:
    """Sums over clusters of products of what each holds among the first k rows, (n,) each.

    excess, mass: of its excess, and of its weight, squared.  mixed: of one times the other.  excess_whole, mass_whole:
    of one, and of the other, times its whole weight.  whole: of its whole weight squared.
    """

    def __init__(self, codes: Ints, excess: Float64s, w: Float64s, whole: Float64s, square: float) -> None:
        a, m = _before(codes, excess), _before(codes, w)
        self.excess = np.cumsum(2 * a * excess + excess**2)
        self.mass = np.cumsum(2 * m * w + w**2)
        self.mixed = np.cumsum(a * w + m * excess + excess * w)
        self.excess_whole = np.cumsum(excess * whole)
        self.mass_whole = np.cumsum(w * whole)
        self.whole = square


def _before(codes: Ints, values: Float64s) -> Float64s:
    """Of each row, the sum of those before it in its cluster, (n,)."""
    order = np.argsort(codes, kind="stable")
    sums = np.cumsum(values[order]) - values[order]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sums -= np.repeat(sums[starts], np.diff(starts, append=len(codes)))
    found = np.empty(len(values))
    found[order] = sums
    return found
