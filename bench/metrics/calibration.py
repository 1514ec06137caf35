"""Calibration of the confidence in an answer: binned errors, their null value and their unbiased twin.

All take top-label confidence and correctness; bins are 15 of equal width, the last one closed, so that confidence 1
has a bin of its own kind and not one too many.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import PerSample, metric, per_sample
from bench.metrics.judged import BINS, base_weights, in_bins, judged, with_classes
from bench.records import Classification, Judged


@metric(
    "ece",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    source="Naeini et al. 2015; Guo et al. 2017, On Calibration of Modern Neural Networks",
    check="metrics/constructed-ece",
)
def ece(record: Judged, w: Float64s) -> Float64s:
    """Expected calibration error: sum over 15 equal-width bins of (weight share) |accuracy - mean confidence|, L1.

    Biased upwards: noise within a bin never cancels, so a perfectly calibrated model scores `ece-null`, not 0.  Read
    it beside `ece-null` and `ece-debiased`.  The bias reaches its interval too, which turns it round but cannot remove
    it: with 500 samples 95 % intervals hold the truth in about 60 % of cases where that is 0, in 92 % where it is .15.
    w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    with np.errstate(invalid="ignore"):
        return np.abs(w @ (in_bins(confidence) * (correct - confidence)[:, None])).sum(axis=1) / w.sum(axis=1)


@metric(
    "ece-null",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 1),
    source="de Moivre 1730 (mean deviation of the binomial); Roelofs et al. 2022, Mitigating Bias in Calibration Error",
    check="metrics/ece-under-calibration",
)
def ece_null(record: Judged, w: Float64s) -> Float64s:
    """What `ece` would be, on average, if the model were perfectly calibrated and gave these very confidences.

    In each bin the number of right answers would be a sum of independent Bernoulli trials; its mean absolute deviation
    is taken from de Moivre's closed form for the binomial of the same mean, scaled to the right variance: exact where
    the confidences of a bin are equal, and they differ by 1/15 at most.  Samples count as independent, clusters or no.
    w: (B, n); returns (B,).
    """
    confidence, _ = judged(record)
    own = base_weights(record)
    bins = in_bins(confidence)
    mass, mean = w @ bins, w @ (bins * confidence[:, None])
    square = (w * own) @ bins
    variance = (w * own) @ (bins * (confidence * (1 - confidence))[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        p, trials = mean / mass, mass**2 / square
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
    return (1 - part) * _whole_deviation(below, p) + part * _whole_deviation(below + 1, p)


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
    source="Kumar, Liang and Ma 2019, Verified Uncertainty Calibration; Broecker 2012",
    check="metrics/ece-under-calibration",
)
def ece_debiased(record: Judged, w: Float64s) -> Float64s:
    """Unbiased estimate of the *square* of the binned L2 calibration error; its sign is kept, so it averages 0 at 0.

    It estimates sum over bins of (share) (E[correct - confidence | bin])^2.  The square of a bin's mean difference is
    too large by the variance of that mean; the mean of the products d_i d_j over pairs of different samples is not.
    Pairs within one cluster (`groups`), which are not independent, are left out with the pairs of a sample and itself;
    a bin in which no pair is left adds 0.  Compare its square root with `ece`, not itself.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    bins = in_bins(confidence)
    weight, gap = w, w * (correct - confidence)
    groups = record.groups if hasattr(record, "groups") else None
    if groups is not None:
        # One cell for each cluster within a bin.
        codes = np.unique(groups, return_inverse=True)[1]
        key = bins.argmax(axis=1) * len(codes) + codes
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=-1))
        weight, gap = (np.add.reduceat(x[:, order], starts, axis=1) for x in (weight, gap))
        bins = bins[order][starts]
    mass = weight @ bins
    pairs = mass**2 - weight**2 @ bins
    products = (gap @ bins) ** 2 - gap**2 @ bins
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may leave a crumb where there is no pair.
        square = np.where(pairs > 1e-12 * mass**2, products / pairs, 0.0)
        return (mass * square).sum(axis=1) / mass.sum(axis=1)


@metric(
    "mce",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source="Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning",
)
def mce(record: Judged, w: Float64s) -> Float64s:
    """Maximum calibration error: the largest |accuracy - mean confidence| of the 15 bins that hold a sample.

    The emptiest bin tends to win it, whatever the model: strongly biased upwards.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    bins = in_bins(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = np.abs(w @ (bins * (correct - confidence)[:, None])) / (w @ bins)
        return np.where(w.sum(axis=1) > 0, np.nan_to_num(gaps).max(axis=1), np.nan)


@metric(
    "classwise-ece",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source="Kull et al. 2019, Beyond Temperature Scaling",
)
def classwise_ece(record: Classification, w: Float64s) -> Float64s:
    """Mean over classes of the binned calibration error of that class's own probability: 15 equal-width bins, L1.

    Biased upwards as `ece` is, more so for rare classes.  w: (B, n); returns (B,).
    """
    from scipy.sparse import csr_array

    with_classes(record)
    probs = np.clip(record.probs, 0.0, 1.0)
    n, classes = probs.shape
    cell = np.minimum((probs * BINS).astype(np.int64), BINS - 1) + BINS * np.arange(classes)
    gap = (record.labels[:, None] == np.arange(classes)) - probs
    cells = csr_array((gap.ravel(), cell.ravel(), np.arange(0, n * classes + 1, classes)), shape=(n, classes * BINS))
    with np.errstate(invalid="ignore"):
        return np.abs(w @ cells).sum(axis=1) / w.sum(axis=1) / classes


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
