"""What a model of pairs of answers says of its ignorance, held against the truth and against second answers."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.latest import latest
from bench.records import Paired
from bench.stats.pairs import Cheat, cheat

PAPER = "Experts Don't Cheat: Learning What You Don't Know By Predicting Pairs"
CHECK = "uncertainty/pair-prediction"
SOURCE = "Johnson et al. 2024, arXiv:2402.08733"
# Bins of the variance, which is below 1/2.
BINS = 10


@latest
def told(record: Paired) -> Cheat:
    """What the joint law says of the first answer's."""
    first = record.joint.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        second = np.where(first[:, :, None] > 0, record.joint / first[:, :, None], 0.0)
    return cheat(first, second)


def _first(record: Paired) -> Float64s:
    return np.asarray(record.joint.sum(axis=2))


def _shown(record: Paired) -> Float64s:
    """Half the sum over answers of (1[y1 = y] - p)(1[y2 = y] - p), whose mean is that of the squared error, (n,)."""
    first, each = _first(record), np.arange(record.joint.shape[1])
    gaps = [(labels[:, None] == each) - first for labels in (record.labels, record.second)]
    return np.asarray((gaps[0] * gaps[1]).sum(axis=1) / 2)


@metric("pair-variance", of=Paired, area="uncertainty", better="none", range=(0, 0.5), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def pair_variance(record: Paired) -> PerSample:
    """Mean squared error of its probabilities that the model admits: half the sum of p(y) (p(y | y) - p(y)).

    It is what `mse-p` measures by the true p(y|x), here without it.  Negative variances count as 0.
    """
    return per_sample(told(record).variance.sum(axis=1) / 2)


@metric("pair-clipped", of=Paired, area="uncertainty", better="lower", range=(0, 1), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def pair_clipped(record: Paired) -> PerSample:
    """Share of answers that the model finds less likely when they were just given: no variance is negative."""
    first = _first(record)
    return per_sample((np.einsum("ncc->nc", record.joint) < first**2).mean(axis=1))


@metric("pair-bias", of=Paired, area="uncertainty", better="none", range=(-0.5, 1), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def pair_bias(record: Paired) -> PerSample:
    """Squared error that second answers show less the one that the model admits: above 0 it is too sure of itself.

    Two answers to a question are independent, so the mean product of their differences from p is the squared error of
    p, whatever the truth is.
    """
    return per_sample(_shown(record) - told(record).variance.sum(axis=1) / 2)


def _gaps(record: Paired, w: Float64s) -> Float64s:
    """Share of each bin times its mean of shown less admitted, (B, BINS)."""
    said = told(record).variance.sum(axis=1) / 2
    place = np.minimum((2 * BINS * said).astype(np.int64), BINS - 1)
    inside = place[:, None] == np.arange(BINS)
    return np.asarray((w * (_shown(record) - said)) @ inside / w.sum(axis=1, keepdims=True))


@metric("second-order-error", of=Paired, area="uncertainty", better="lower", range=(0, 1), biased=True, norm="l1",
        gaps=_gaps, source=SOURCE, papers=(PAPER,), check=CHECK)  # fmt: skip
def second_order_error(record: Paired, w: Float64s) -> Float64s:
    """Calibration of the ignorance: mean |squared error shown - admitted| over ten bins of what the model admits.

    Shown by second answers, without the truth.  Biased upwards: noise in a bin never cancels.  w: (B, n); returns (B,).
    """
    return np.asarray(np.abs(_gaps(record, w)).sum(axis=1))


@metric("pair-coverage", of=Paired, area="uncertainty", better="none", range=(0, 1), source=SOURCE,
        papers=(PAPER,), check=CHECK)  # fmt: skip
def pair_coverage(record: Paired, beta: float = 0.1) -> PerSample:
    """Share of true probabilities within p(y) +- sqrt(variance / beta): at least 1 - beta (Chebyshev).

    That is of a model calibrated to second order.  One that is all but sure misses by small errors, which this counts.
    """
    if record.truth is None:
        raise NotApplicable("the true p(y|x) is not known: the record has no 'truth'")
    low, high = told(record).interval(_first(record), beta)
    # A model that knows the answer has an interval of no width, which rounding must not miss.
    return per_sample(((record.truth >= low - 1e-12) & (record.truth <= high + 1e-12)).mean(axis=1))
