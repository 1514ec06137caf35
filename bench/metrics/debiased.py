"""Calibration errors less their bias, beside `ece-debiased`: over bins of equal weight, and as a root."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.binned import roots, settled_bins, width_bins
from bench.metrics.calibration import ece_debiased
from bench.metrics.judged import BINS, judged
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.records import Judged

KUMAR = "Kumar, Liang and Ma 2019, Verified Uncertainty Calibration"


def _in_mass(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    return roots(settled_bins(record, w, bins))


def _in_width(record: Judged, w: Float64s) -> Float64s:
    return roots(width_bins(record, w))


@metric(
    "ece-mass-debiased",
    of=Judged,
    area="calibration",
    better="lower",
    range=(-1, 1),
    default=False,
    norm="square",
    gaps=_in_mass,
    source=f"{KUMAR} (bins of equal weight, as there)",
    check="calibration/debiased",
)
def ece_mass_debiased(record: Judged, w: Float64s, bins: int = BINS) -> Float64s:
    """Unbiased estimate of the *square* of the L2 calibration error over 15 bins of equal weight; its sign is kept.

    As `ece-debiased`, of the bins of `ece-mass-l2`: the products of the differences of different rows, and, with
    clusters (`groups`), of different clusters alone.  A calibrated model averages 0.  Bins look at confidences, never
    at outcomes.  Its interval, that of the square of `ece-mass-l2`, is never below 0.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    rows = ordered(confidence, correct, w)
    index = mass_bins(rows.weight, bins)
    mass, gap = binned(rows.weight, index, bins), binned(rows.gap, index, bins)
    groups = record.groups if hasattr(record, "groups") else None
    if groups is None:
        square = ordered(confidence, correct, w * w)
        # Of rows of one confidence c: w^2 (correct - c)^2, where correct is its own square.
        spread = square.hits * (1 - 2 * rows.confidence) + square.weight * rows.confidence**2
        own_mass, own_gap = binned(square.weight, index, bins), binned(spread, index, bins)
    else:
        codes = np.unique(groups, return_inverse=True)[1]
        clusters = int(codes.max(initial=0)) + 1
        # The cell of each row: its bin under that weighting, and its cluster.
        place = np.searchsorted(rows.confidence, confidence)
        cell = index[:, place] * clusters + codes
        weighed, count = w * (correct - confidence), bins * clusters
        own_mass, own_gap = (
            (binned(np.ascontiguousarray(x), cell, count) ** 2).reshape(len(w), bins, clusters).sum(axis=2)
            for x in (w, weighed)
        )
    pairs, products = mass**2 - own_mass, gap**2 - own_gap
    with np.errstate(invalid="ignore", divide="ignore"):
        # Rounding may leave a crumb where there is no pair.
        value = np.where(pairs > 1e-12 * mass**2, products / pairs, 0.0)
        return (mass * value).sum(axis=1) / mass.sum(axis=1)


@metric(
    "ece-l2-debiased",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    gathers=True,
    norm="l2",
    gaps=_in_width,
    source=f"{KUMAR} (the root of the debiased square)",
    check="calibration/debiased",
)
def ece_l2_debiased(record: Judged, w: Float64s) -> Float64s:
    """Root mean square calibration error over 15 equal-width bins, less its bias: the root of `ece-debiased`, or 0.

    In units of probability, as `ece-l2`.  The square is unbiased; its root, cut off at 0, is a little too low where
    the error is large and too high where it is next to nothing, by far less than `ece-l2`.  w: (B, n); returns (B,).
    """
    return np.sqrt(np.maximum(ece_debiased(record, w), 0.0))
