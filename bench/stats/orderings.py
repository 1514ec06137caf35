"""The interval of how far rates are out of order, by what is known of each pair of them."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.results import Interval
from bench.stats.design import LEVEL, Design, absent
from bench.stats.means import cr1_covariance

FORBIDDEN = 1e6


def order_ends(place: Ints, right: Float64s, d: Design) -> Interval:
    """The 95 % interval of the mean distance, over the others, of bins' ranks by falling rate from their numbers.

    place: (n,), the bin of each row.  right: (n,), zeros and ones.  Of each pair of bins the one of the higher rate is
    known where the rates differ by more than Bonferroni's quantile of t (G - 1 degrees of freedom) over all pairs; the
    error is by CR1, and not below that of independent rows of one rate.  Ends are the least and the greatest distance
    of ranks that agree with what is known, so the interval is conservative.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.special import stdtrit

    numbers, place = np.unique(place[d.weights > 0], return_inverse=True)
    used, k = d.weights > 0, len(numbers)
    if k < 2:
        return absent("one bin")
    w, y, codes = d.weights[used], right[used], d.codes[used]
    mass, squares = np.bincount(place, w), np.bincount(place, w**2)
    rate = np.bincount(place, w * y) / mass
    scores = w * (y - rate[place]) / mass[place]
    parts = np.bincount(codes * k + place, scores, minlength=d.groups * k).astype(np.float64, copy=False)
    _, variance = cr1_covariance(parts.reshape(d.groups, k))
    both = (mass * rate)[:, None] + mass * rate
    common = both / (mass[:, None] + mass)
    least = common * (1 - common) * ((squares / mass**2)[:, None] + squares / mass**2)
    reach = stdtrit(d.groups - 1, 1 - (1 - LEVEL) / (k * (k - 1)))
    higher = (rate - rate[:, None]) > reach * np.sqrt(np.maximum(variance, least))  # (k, j): bin j than bin k
    first, last = higher.sum(axis=1), k - 1 - higher.sum(axis=0)
    rank = np.arange(k)
    apart = np.abs(rank - rank[:, None]).astype(np.float64)  # of bin k at rank j
    outside = (rank < first[:, None]) | (rank > last[:, None])
    ends = []
    for sign in (1, -1):
        rows, columns = linear_sum_assignment(np.where(outside, FORBIDDEN, sign * apart))
        ends.append(float(apart[rows, columns].sum()) / (k * (k - 1)))
    return Interval(low=ends[0], high=ends[1], method="test inversion, conservative")
