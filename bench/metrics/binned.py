"""The binned calibration errors beside `ece`: bins of equal weight, other norms, and the sign of the gap.

Top-label ones take the confidence and correctness of each row, class-wise ones each class's own probability.  Bins of
equal weight are formed anew under each weighting and never part ties.  All are biased upwards: noise within a bin
never cancels, the more so the more bins there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import metric
from bench.latest import latest
from bench.metrics.judged import BINS, base_weights, in_bins, judged, with_classes
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.metrics.sums import Sums, sums
from bench.metrics.widths import cells
from bench.records import Classification, Judged

NIXON = "Nixon et al. 2019, Measuring Calibration in Deep Learning"
THRESHOLD = 0.01  # of TACE, in the paper
PLACES = 128  # of a path at which its distribution is worked out

Gaps = Callable[..., Float64s]  # (record, weights (B, n), bins) -> (B, bins)
Bins = tuple[Float64s, Float64s]  # each (B, bins): weight, and weight x (correct - confidence)


def width_bins(record: Judged, w: Float64s, bins: int = BINS) -> Bins:
    """Weight and gap of bins of equal width; of the usual number of them, those that hold a row."""
    if bins == BINS:
        held = cells(record, w)
        return held.mass, held.gap
    confidence, correct = judged(record)
    members = in_bins(confidence, bins)
    return w @ members, w @ (members * (correct - confidence)[:, None])


def equal_mass_bins(record: Judged, w: Float64s, bins: int = BINS) -> Bins:
    """Weight and gap of bins of equal weight."""
    rows = ordered(*judged(record), w)
    index = mass_bins(rows.weight, bins)
    return binned(rows.weight, index, bins), binned(rows.gap, index, bins)


def _place(record: Judged, bins: int) -> Ints:
    """The bin of each row, (n,), where bins have equal weight under the record's own weights."""
    confidence, correct = judged(record)
    own = np.broadcast_to(base_weights(record), (1, len(confidence)))
    rows = ordered(confidence, correct, own)
    return mass_bins(rows.weight, bins)[0][np.searchsorted(rows.confidence, confidence)]


@latest
def _settled(record: Judged) -> Sums:
    """The usual number of bins of equal weight."""
    return _in_places(record, BINS)


def _in_places(record: Judged, bins: int) -> Sums:
    confidence, correct = judged(record)
    return sums(_place(record, bins), bins, np.ones(len(confidence)), correct - confidence)


@latest
def _settled_bins(record: Judged, w: Float64s) -> Bins:
    mass, gap = _settled(record)(w)
    return mass, gap


def settled_bins(record: Judged, w: Float64s, bins: int = BINS) -> Bins:
    """Weight and gap of the bins that have equal weight under the record's own weights, under any others.

    For the noise of the bins' gaps: bins that are formed anew on each resample would add the noise of their borders to
    it, which no estimate has, and an error that is known less its noise would come out too small.
    """
    if bins == BINS:
        return _settled_bins(record, w)
    mass, gap = _in_places(record, bins)(w)
    return mass, gap


def normed(bins: Bins, norm: Literal["l1", "l2", "max"]) -> Float64s:
    """The norm of the bins' |accuracy - mean confidence|, weighted by their shares (of the maximum: not), (B,)."""
    mass, gap = bins
    total = mass.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        if norm == "l1":
            return np.abs(gap).sum(axis=1) / total
        if norm == "l2":
            return np.sqrt(np.where(mass > 0, gap**2 / mass, 0.0).sum(axis=1) / total)
        return np.where(total > 0, np.where(mass > 0, np.abs(gap) / mass, 0.0).max(axis=1), np.nan)


def shares(bins: Bins) -> Float64s:
    """Gaps in units of the whole weight, (B, bins): of their l1 norm is an ECE."""
    mass, gap = bins
    with np.errstate(invalid="ignore"):
        return gap / mass.sum(axis=1, keepdims=True)


def roots(bins: Bins) -> Float64s:
    """Mean gaps times the roots of the bins' shares, (B, bins): their l2 norm is a root mean square error."""
    mass, gap = bins
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0, gap / np.sqrt(mass), 0.0) / np.sqrt(mass.sum(axis=1, keepdims=True))


def means(bins: Bins) -> Float64s:
    """Mean gaps, (B, bins), 0 in an empty bin."""
    mass, gap = bins
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0, gap / mass, 0.0)


def in_width(form: Callable[[Bins], Float64s]) -> Gaps:
    """The form of the gaps of bins of equal width, as a function of the record."""
    return lambda record, w, bins=BINS: form(width_bins(record, w, bins))


def _in_mass(form: Callable[[Bins], Float64s]) -> Gaps:
    """The form of the gaps of bins of equal weight, as a function of the record."""
    return lambda record, w, bins=BINS: form(settled_bins(record, w, bins))


@metric(
    "ece-mass",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l1",
    gaps=_in_mass(shares),
    source="Nguyen and O'Connor 2015; Roelofs et al. 2022, Mitigating Bias in Calibration Error",
    check="calibration/binned-by-hand",
)
def ece_mass(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Expected calibration error over 15 bins of equal weight, L1; biased upwards as `ece` is.

    w: (B, n); returns (B,).
    """
    return normed(equal_mass_bins(record, w, bins), "l1")


@metric(
    "ece-l2",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l2",
    gaps=in_width(roots),
    source="Kumar, Liang and Ma 2019, Verified Uncertainty Calibration (plug-in form)",
    check="calibration/binned-by-hand",
)
def ece_l2(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Root mean square calibration error over 15 equal-width bins, L2.  Biased upwards.

    The square of it, less its bias, is `ece-debiased`.  w: (B, n); returns (B,).
    """
    return normed(width_bins(record, w, bins), "l2")


@metric(
    "ece-mass-l2",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l2",
    gaps=_in_mass(roots),
    source="Hendrycks, Mazeika and Dietterich 2019, Deep Anomaly Detection (RMS calibration error, adaptive bins)",
    check="calibration/binned-by-hand",
)
def ece_mass_l2(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Root mean square calibration error over 15 bins of equal weight, L2.  Biased upwards.  w: (B, n) -> (B,)."""
    return normed(equal_mass_bins(record, w, bins), "l2")


@metric(
    "mce-mass",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="max",
    gaps=_in_mass(means),
    source="Naeini et al. 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning (equal-mass bins)",
    check="calibration/binned-by-hand",
)
def mce_mass(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Largest |accuracy - mean confidence| of 15 bins of equal weight; no bin is nearly empty, unlike those of `mce`.

    Biased upwards: it is the largest of 15 noisy numbers.  w: (B, n); returns (B,).
    """
    return normed(equal_mass_bins(record, w, bins), "max")


def _overpromised(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    return -shares(width_bins(record, w, bins))


@metric(
    "ece-over",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="positive",
    gaps=_overpromised,
    source="the part of ece in which confidence exceeds accuracy; Thulasidasan et al. 2019, On Mixup Training",
    check="calibration/binned-by-hand",
)
def ece_over(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """The part of `ece` that is overconfidence: sum over bins of (share) max(mean confidence - accuracy, 0).

    `ece` is this plus `ece-under`, both biased upwards; their difference is `overconfidence`.  w: (B, n) -> (B,).
    """
    mass, gap = width_bins(record, w, bins)
    with np.errstate(invalid="ignore"):
        return np.maximum(-gap, 0).sum(axis=1) / mass.sum(axis=1)


@metric(
    "ece-under",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="positive",
    gaps=in_width(shares),
    source="the part of ece in which accuracy exceeds confidence; Thulasidasan et al. 2019, On Mixup Training",
    check="calibration/binned-by-hand",
)
def ece_under(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """The part of `ece` that is underconfidence: sum over bins of (share) max(accuracy - mean confidence, 0).

    Biased upwards.  w: (B, n); returns (B,).
    """
    mass, gap = width_bins(record, w, bins)
    with np.errstate(invalid="ignore"):
        return np.maximum(gap, 0).sum(axis=1) / mass.sum(axis=1)


@latest
def _steps(record: Judged) -> Sums:
    """The rows up to each of 128 distinct confidences at most, from the one before."""
    confidence, correct = judged(record)
    values, inverse = np.unique(confidence, return_inverse=True)
    index: Ints = inverse
    places = np.unique(np.linspace(0, len(values) - 1, PLACES).round().astype(np.int64))
    return sums(np.searchsorted(places, index), len(places), np.ones(len(confidence)), correct - confidence)


def _path(record: Judged, w: Float64s) -> Float64s:
    """The running sum that `ks-calibration` is the largest of, at 128 places at most, (B, K)."""
    mass, gap = _steps(record)(w)
    with np.errstate(invalid="ignore"):
        return np.cumsum(gap, axis=1) / mass.sum(axis=1, keepdims=True)


@metric(
    "ks-calibration",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="max",
    gaps=_path,
    source="Gupta et al. 2021, Calibration of Neural Networks using Splines",
    check="calibration/binned-by-hand",
)
def ks_calibration(record: Judged, w: Float64s) -> Float64s:
    """Kolmogorov-Smirnov calibration error: the largest |sum of (correct - confidence)| / n up to any confidence.

    It needs no bins.  Biased upwards: a calibrated model with mean r (1 - r) = v scores about 1.25 sqrt(v / n), the
    mean of the largest |value| of a Brownian motion.  w: (B, n); returns (B,).
    """
    rows = ordered(*judged(record), w)
    with np.errstate(invalid="ignore"):
        return np.abs(np.cumsum(rows.gap, axis=1)).max(axis=1) / rows.total


def _classes(threshold: float) -> Callable[[Classification, Float64s], Float64s]:
    """Mean gaps of the bins that each class has under the record's own weights, over their number, (B, K)."""

    @latest
    def settled(record: Classification) -> list[Sums]:
        with_classes(record)
        probs = np.clip(record.probs, 0.0, 1.0)
        own = np.broadcast_to(base_weights(record), (1, len(record)))
        found = []
        for c in range(probs.shape[1]):
            kept = np.flatnonzero(probs[:, c] >= threshold)
            if len(kept):
                p = probs[kept, c]
                rows = ordered(p, np.zeros(len(p)), own[:, kept])
                place = mass_bins(rows.weight, BINS)[0][np.searchsorted(rows.confidence, p)]
                used = np.unique(place[own[0, kept] > 0])
                cell = np.full(len(record), -1)
                cell[kept] = np.where(np.isin(place, used), np.searchsorted(used, place), -1)
                gap = (record.labels == c) - probs[:, c]
                found.append(sums(cell, len(used), np.ones(len(gap)), gap))
        return found

    def gaps(record: Classification, w: Float64s) -> Float64s:
        wide = np.concatenate([means((mass, gap)) for mass, gap in (each(w) for each in settled(record))], axis=1)
        return wide / wide.shape[1]

    return gaps


@metric(
    "ace",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l1",
    gaps=_classes(0.0),
    source=NIXON,
    papers=("Uncertainty quantification for improving radiomic-based models in radiation pneumonitis prediction",),
    check="calibration/ace-perfect",
)
def ace(record: Classification, w: Float64s) -> Float64s:
    """Adaptive calibration error: mean of |accuracy - mean probability| over the classes' 15 bins of equal weight.

    1 / (C R) sum_c sum_r |acc(r, c) - conf(r, c)|, every bin counting the same; bins that ties leave empty are not
    counted.  Biased upwards, and with many classes dominated by probabilities near 0: see `tace`.  w: (B, n) -> (B,).
    """
    return _adaptive(record, w, 0.0)


@metric(
    "tace",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm="l1",
    gaps=_classes(THRESHOLD),
    source=NIXON,
    check="calibration/ace-perfect",
)
def tace(record: Classification, w: Float64s) -> Float64s:
    """Thresholded adaptive calibration error: `ace` of the probabilities of at least .01, binned among themselves.

    Biased upwards; classes that are never given .01 are left out.  w: (B, n); returns (B,).
    """
    return _adaptive(record, w, THRESHOLD)


def _adaptive(record: Classification, w: Float64s, threshold: float) -> Float64s:
    return np.sum([np.abs(gaps).sum(axis=1) for gaps in _adapted(record, w, threshold)], axis=0)


def _adapted(record: Classification, w: Float64s, threshold: float) -> list[Float64s]:
    """Mean gaps of each class's bins over the number of all bins that hold a sample, (B, bins) each."""
    with_classes(record)
    probs = np.clip(record.probs, 0.0, 1.0)
    found, count = [], np.zeros((len(w), 1))
    for c in range(probs.shape[1]):
        kept = np.flatnonzero(probs[:, c] >= threshold)
        if len(kept):
            rows = ordered(probs[kept, c], record.labels[kept] == c, w[:, kept])
            index = mass_bins(rows.weight, BINS)
            bins = binned(rows.weight, index, BINS), binned(rows.gap, index, BINS)
            found.append(means(bins))
            count += (bins[0] > 0).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return [gaps / count for gaps in found]
