"""Tests of the probability integral transform: is F(y) uniform?"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import NotApplicable, metric
from bench.forecasts.forms import pit, rank
from bench.metrics.coverage import pit_ks
from bench.metrics.judged import scaled
from bench.records import Regression

CELLS = 10
SOURCE = "Dawid 1984; Diebold, Gunther and Tay 1998, Evaluating Density Forecasts"


@metric(
    "pit-ks-p",
    of=Regression,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source=f"{SOURCE}; Kolmogorov 1933, exact distribution by Simard and L'Ecuyer 2011",
    check="metrics/pit-tests",
)
def pit_ks_p(record: Regression, w: Float64s) -> Float64s:
    """P-value of `pit-ks`: how often a right forecast would show as large a distance.

    Exact for n independent outcomes and a continuous forecast that was not fitted on them.  Samples have steps: see
    `pit-chi2-p`.  Weights count as repetitions once their mean is 1.  w: (B, n); returns (B,).
    """
    from scipy.stats import kstwo

    if record.form == "samples":
        raise NotApplicable("F(y) of samples has steps, which the Kolmogorov distribution does not know")
    distance, total = pit_ks(record, w), scaled(record, w).sum(axis=1)
    sizes = np.maximum(np.round(total), 1)
    return np.where(total > 0, np.clip(kstwo.sf(distance, sizes), 0, 1), np.nan)


@metric(
    "pit-chi2",
    of=Regression,
    area="calibration",
    better="lower",
    range=(0, None),
    default=False,
    interval=False,
    source=f"{SOURCE}; Pearson 1900",
    check="metrics/pit-tests",
)
def pit_chi2(record: Regression, w: Float64s) -> Float64s:
    """Pearson's statistic of the PIT histogram over its degrees of freedom: 1 in the mean for a right forecast.

    Of a wrong one it grows with the number of rows, so it estimates nothing and has no interval.

    Ten cells of equal probability; of M samples, cells of whole ranks; of quantiles, the cells between their levels.
    w: (B, n); returns (B,).
    """
    statistic, freedom = _pearson(record, w)
    return statistic / freedom


@metric(
    "pit-chi2-p",
    of=Regression,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    interval=False,
    source=f"{SOURCE}; Pearson 1900",
    check="metrics/pit-tests",
)
def pit_chi2_p(record: Regression, w: Float64s) -> Float64s:
    """P-value of `pit-chi2`: how often a right forecast would show as uneven a PIT histogram.

    By the chi-squared distribution, for independent outcomes, five or more expected in each cell.  w: (B, n); returns
    (B,).
    """
    from scipy.special import chdtrc

    statistic, freedom = _pearson(record, w)
    return np.where(np.isnan(statistic), np.nan, chdtrc(freedom, np.nan_to_num(statistic)))


def _pearson(record: Regression, w: Float64s) -> tuple[Float64s, int]:
    """Pearson's statistic, (B,), and its degrees of freedom."""
    place, expected = cells(record)
    if len(expected) < 2:
        raise NotApplicable("the forecast has too few samples or levels for two cells")
    w = scaled(record, w)
    total = w.sum(axis=1, keepdims=True)
    observed = w @ (place[:, None] == np.arange(len(expected))).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = ((observed - total * expected) ** 2 / (total * expected)).sum(axis=1)
    return np.where(total[:, 0] > 0, statistic, np.nan), len(expected) - 1


def cells(record: Regression) -> tuple[Ints, Float64s]:
    """The cell of the PIT histogram in which each y falls, (n,), and the probability of each cell, (K,)."""
    if record.form == "quantiles" and record.quantiles is not None:
        edges = np.concatenate([[0.0], record.levels, [1.0]])
        return (record.y[:, None] > np.sort(record.quantiles, axis=1)).sum(axis=1), np.diff(edges)
    if record.form == "samples" and record.samples is not None:
        ranks = record.samples.shape[1] + 1
        # Cells hold whole ranks, or a right forecast would look uneven.
        ends = np.unique(np.round(np.linspace(0, ranks, CELLS + 1)))
        return np.searchsorted(ends[1:-1], rank(record.samples, record.y), side="right"), np.diff(ends) / ranks
    return np.minimum((pit(record) * CELLS).astype(np.int64), CELLS - 1), np.full(CELLS, 1 / CELLS)
