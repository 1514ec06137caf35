"""Calibration of the confidence in an answer: binned errors, their null value and their unbiased twin.

All take top-label confidence and correctness; bins are 15 of equal width, the last one closed, so that confidence 1
has a bin of its own kind and not one too many.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import PerSample, metric, per_sample
from bench.latest import latest
from bench.metrics.binned import in_width, means, roots, shares
from bench.metrics.gathering import JudgedCells
from bench.metrics.judged import BINS, base_weights, judged, with_classes
from bench.metrics.sums import Sums, sums
from bench.metrics.widths import bin_index, cells, sums_of
from bench.records import Classification, Judged

_shares, _roots, _means = map(in_width, (shares, roots, means))


@metric(
    "ece",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    gathers=True,
    norm="l1",
    gaps=_shares,
    source="Naeini et al. 2015; Guo et al. 2017, On Calibration of Modern Neural Networks",
    check="metrics/constructed-ece",
)
def ece(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Expected calibration error: sum over 15 equal-width bins of (weight share) |accuracy - mean confidence|, L1.

    Biased upwards: noise within a bin never cancels, so a perfectly calibrated model scores `ece-null`, not 0.  Read
    it beside `ece-null` and `ece-debiased`.  Its interval is of the true error over these bins, and so may lie wholly
    below the value.  w: (B, n); returns (B,).
    """
    return np.abs(_shares(record, w, bins)).sum(axis=1)


@metric(
    "ece-null",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 1),
    interval=False,
    source="de Moivre 1730 (mean deviation of the binomial); Roelofs et al. 2022, Mitigating Bias in Calibration Error",
    check="metrics/ece-under-calibration",
)
def ece_null(record: Judged, w: Float64s) -> Float64s:
    """What `ece` would be, on average, if the model were perfectly calibrated and gave these very confidences.

    In each bin the number of right answers would be a sum of independent Bernoulli trials; its mean absolute deviation
    is taken from de Moivre's closed form for the binomial of the same mean, scaled to the right variance: exact where
    the confidences of a bin are equal, and they differ by 1/15 at most.  Samples count as independent, clusters or no.
    It is known once the confidences are, so it has no interval.  w: (B, n); returns (B,).
    """
    confidence, _ = judged(record)
    own = np.broadcast_to(base_weights(record), len(confidence))
    held = cells(record, w)
    mass = held.mass
    square, variance = sums_of(record, w, lambda s: own[s], lambda s: own[s] * confidence[s] * (1 - confidence[s]))
    with np.errstate(invalid="ignore", divide="ignore"):
        p, trials = held.mean / mass, mass**2 / square
        # Of a sum of equal trials, of the trials as they are: the ratio is 1 less the spread of confidences.
        ratio = np.sqrt(np.maximum(variance / (square * p * (1 - p)), 0.0))
        expected = mass * ratio * binomial_deviation(trials, p)
        return np.where(mass > 0, np.nan_to_num(expected), 0.0).sum(axis=1) / w.sum(axis=1)


def binomial_deviation(n: Float64s, p: Float64s) -> Float64s:
    """E|K / n - p| for K ~ Binomial(n, p): 2 m C(n, m) p^m (1 - p)^(n - m + 1) / n with m = floor(n p) + 1.

    Between whole n it is interpolated; 0 where p is 0 or 1, NaN where either is NaN.
    """
    below = np.maximum(np.floor(n), 1.0)
    part = np.clip(n - below, 0.0, 1.0)
    whole = _whole_deviation(below, p)
    if not part.any():
        return whole
    return (1 - part) * whole + part * _whole_deviation(below + 1, p)


def _whole_deviation(n: Float64s, p: Float64s) -> Float64s:
    from scipy.special import gammaln, xlog1py, xlogy

    inside = (p > 0) & (p < 1)
    q = np.where(inside, p, 0.5)
    m = np.minimum(np.floor(n * q) + 1, n)
    log = gammaln(n + 1) - gammaln(m + 1) - gammaln(n - m + 1) + xlogy(m, q) + xlog1py(n - m + 1, -q)
    return np.where(inside, 2 * m / n * np.exp(log), np.where(np.isnan(p), np.nan, 0.0))


@metric(
    "ece-debiased",
    of=Judged,
    area="calibration",
    better="lower",
    range=(-1, 1),
    gathers=True,
    norm="square",
    gaps=_roots,
    source="Kumar, Liang and Ma 2019, Verified Uncertainty Calibration; Broecker 2012",
    check="metrics/ece-under-calibration",
)
def ece_debiased(record: Judged, w: Float64s) -> Float64s:
    """Unbiased estimate of the *square* of the binned L2 calibration error; its sign is kept, so it averages 0 at 0.

    It estimates sum over bins of (share) (E[correct - confidence | bin])^2.  The square of a bin's mean difference is
    too large by the variance of that mean; the mean of the products d_i d_j over pairs of different samples is not.
    Pairs within one cluster (`groups`), which are not independent, are left out with the pairs of a sample and itself;
    a bin in which no pair is left adds 0.  Compare its square root with `ece`, not itself.  Its interval, that of the
    square of `ece-l2`, is of a quantity that is never below 0.  w: (B, n); returns (B,).
    """
    held = cells(record, w)
    mass = held.mass
    masses, gaps = _within(record, w)
    pairs, products = mass**2 - masses, held.gap**2 - gaps
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may leave a crumb where there is no pair.
        square = np.where(pairs > 1e-12 * mass**2, products / pairs, 0.0)
        return (mass * square).sum(axis=1) / mass.sum(axis=1)


@latest
def _clusters(record: Any) -> tuple[Ints, Ints, Ints]:
    """Rows (n,) gathered by cluster within a bin, where each of these begins, (C,), and its bin, (C,)."""
    index, _ = bin_index(record)
    codes = np.unique(record.groups, return_inverse=True)[1]
    key = index.astype(np.int64) * len(codes) + codes
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    return order, starts, index[order[starts]]


def _within(record: Any, w: Float64s) -> tuple[Float64s, Float64s]:
    """Sums over each bin's samples, or clusters, of the squares of their mass and of their gap, (B, K) each."""
    confidence, correct = judged(record)
    if record.groups is None:
        if isinstance(record, JudgedCells):
            squares = record.squares(w)
        else:  # where all rows weigh the same, no column of weights is made
            squares = np.broadcast_to(w[:, :1] ** 2, w.shape) if w.strides[1] == 0 else w * w
        masses, gaps = sums_of(
            record, squares, lambda s: np.ones(len(correct[s])), lambda s: (correct[s] - confidence[s]) ** 2
        )
        return masses, gaps
    gap = correct - confidence
    _, k = bin_index(record)
    order, starts, index = _clusters(record)
    member = (index[:, None] == np.arange(k)).astype(np.float64)
    mass, gaps = (np.add.reduceat(x.T[order], starts, axis=0).T for x in (w, w * gap))
    return mass**2 @ member, gaps**2 @ member


@metric(
    "mce",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    gathers=True,
    norm="max",
    gaps=_means,
    source="Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning",
)
def mce(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Maximum calibration error: the largest |accuracy - mean confidence| of the 15 bins that hold a sample.

    The emptiest bin tends to win it, whatever the model: strongly biased upwards.  w: (B, n); returns (B,).
    """
    return np.where(w.sum(axis=1) > 0, np.abs(_means(record, w, bins)).max(axis=1), np.nan)


@latest
def _class_sums(record: Classification) -> Sums:
    """Gaps of the bins of every class, each row in one of each."""
    with_classes(record)
    probs = np.clip(record.probs, 0.0, 1.0)
    classes = probs.shape[1]
    cell = np.minimum((probs * BINS).astype(np.int64), BINS - 1) + BINS * np.arange(classes)
    return sums(cell, BINS * classes, (record.labels[:, None] == np.arange(classes)) - probs)


def _by_class(record: Classification, w: Float64s) -> Float64s:
    """Gaps of each class's bins over the whole weight and the number of classes, (B, K)."""
    (gaps,) = _class_sums(record)(w)
    with np.errstate(invalid="ignore"):
        return gaps / w.sum(axis=1, keepdims=True) / record.probs.shape[1]


@metric(
    "classwise-ece",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l1",
    gaps=_by_class,
    source="Kull et al. 2019, Beyond Temperature Scaling",
)
def classwise_ece(record: Classification, w: Float64s) -> Float64s:
    """Mean over classes of the binned calibration error of that class's own probability: 15 equal-width bins, L1.

    Biased upwards as `ece` is, more so for rare classes.  w: (B, n); returns (B,).
    """
    return np.abs(_by_class(record, w)).sum(axis=1)


@metric(
    "overconfidence",
    of=Judged,
    area="calibration",
    better="none",
    range=(-1, 1),
    source="mean confidence less accuracy (calibration in the large)",
)
def overconfidence(record: Judged) -> PerSample:
    """Mean confidence less accuracy: above 0 the model promises more than it keeps.  Unbiased, and blind to scatter."""
    confidence, correct = judged(record)
    return per_sample(confidence - correct)


@metric(
    "brier-confidence",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    source="Brier 1950, of the event that the answer is right",
)
def brier_confidence(record: Judged) -> PerSample:
    """Mean squared difference between the confidence and whether the answer was right: (c - correct)^2, in [0, 1]."""
    confidence, correct = judged(record)
    return per_sample((confidence - correct) ** 2)
