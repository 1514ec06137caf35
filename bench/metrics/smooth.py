"""Calibration error without bins."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.metrics.judged import judged
from bench.records import Judged

GRID = 1025  # points on [0, 1]; the kernel's width at the solution is many of their distances
HALVINGS = 16


@metric(
    "smooth-ece",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    source="Blasiok and Nakkiran 2023, Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing",
    check="metrics/smooth-ece-constant-gap",
)
def smooth_ece(record: Judged, w: Float64s) -> Float64s:
    """SmoothECE: the integral of |sum_i (correct_i - c_i) K_s(t, c_i)| / n over t in [0, 1], at its own scale.

    K_s is the Gaussian kernel of width s reflected at 0 and 1; s is the one at which the error equals s.  It needs no
    bins, but is biased upwards as `ece` is.  Residuals are spread linearly over a grid of 1,025 points and smoothed in
    the cosine basis, in which the reflected kernel is diagonal.  w: (B, n); returns (B,).
    """
    from scipy.fft import dct
    from scipy.sparse import csr_array

    confidence, correct = judged(record)
    place = confidence * (GRID - 1)
    left = np.minimum(place.astype(np.int64), GRID - 2)
    part = place - left
    gap = correct - confidence
    spread = np.stack([(1 - part) * gap, part * gap], axis=1)
    where = np.stack([left, left + 1], axis=1)
    n = len(confidence)
    grid = csr_array((spread.ravel(), where.ravel(), np.arange(0, 2 * n + 1, 2)), shape=(n, GRID))
    with np.errstate(invalid="ignore"):
        residuals = np.asarray(w @ grid) / w.sum(axis=1)[:, None]
    residuals[:, [0, -1]] *= 2  # the cosine transform takes the ends half
    waves = dct(residuals, type=1, axis=1)
    decay = (np.pi * np.arange(GRID)) ** 2 / 2

    def error(scale: Float64s) -> Float64s:
        smooth = dct(waves * np.exp(-(scale[:, None] ** 2) * decay), type=1, axis=1) / (2 * (GRID - 1))
        smooth[:, [0, -1]] /= 2  # trapezoid
        return np.abs(smooth).sum(axis=1)

    # The error falls as the scale grows, so the crossing is unique.
    low, high = np.zeros(len(w)), np.ones(len(w))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = error(middle) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return error(high)
