"""Calibration error without bins, and the reliability curve that goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.judged import base_weights, judged
from bench.metrics.sums import Sums, sums
from bench.records import Judged
from bench.stats.norms import Form

GRID = 1025  # points on [0, 1]; the kernel's width at the solution is many of their distances
HALVINGS = 16


@latest
def _smoothing(record: Judged) -> tuple[Sums, Float64s]:
    """Sums of residuals over the grid, and the smoothing of these at the record's own scale, (GRID, K)."""
    confidence, correct = judged(record)
    own = np.array(np.broadcast_to(base_weights(record), (1, len(confidence))), dtype=np.float64)
    scale = float(_scale(confidence, correct - confidence, own)[0][0])
    step = 2 ** int(np.clip(np.log2(scale * (GRID - 1)), 0, 3))  # no farther apart than the kernel is wide
    kept = smoothed(_waves(np.eye(GRID)), np.full(GRID, scale))[:, ::step] * step
    return _on_grid(confidence, correct - confidence), kept


def _smooth_gaps(record: Judged, w: Float64s) -> Float64s:
    """Smoothed residuals at places between 0 and 1, times their steps, (B, K): their sizes add up to the error."""
    of, smoothing = _smoothing(record)
    (residuals,) = of(w)
    with np.errstate(invalid="ignore"):
        return residuals @ smoothing / w.sum(axis=1, keepdims=True)


def _area(_record: Judged) -> Form:
    return lambda gaps: np.abs(gaps).sum(axis=1)


@metric(
    "smooth-ece",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    gathers=True,
    norm=_area,
    gaps=_smooth_gaps,
    source="Blasiok and Nakkiran 2023, Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing",
    check="metrics/smooth-ece-constant-gap",
)
def smooth_ece(record: Judged, w: Float64s) -> Float64s:
    """SmoothECE: the integral of |sum_i (correct_i - c_i) K_s(t, c_i)| / n over t in [0, 1], at its own scale.

    K_s is the Gaussian kernel of width s reflected at 0 and 1; s is the one at which the error equals s.  It needs no
    bins, but is biased upwards as `ece` is.  Residuals are spread linearly over a grid of 1,025 points and smoothed in
    the cosine basis, in which the reflected kernel is diagonal.  w: (B, n); returns (B,).
    """
    confidence, correct = judged(record)
    scale, waves = _scale(confidence, correct - confidence, w)
    return np.abs(smoothed(waves, scale)).sum(axis=1)


@dataclass(frozen=True, eq=False)
class SmoothCurve:
    """A reliability curve without bins: at each confidence t, the smoothed rate of right answers and their density.

    confidence: (1,025,) from 0 to 1.  rate and density: (B, 1,025), the density integrating to 1; NaN where no answer
    is within reach.  scale: (B,), the width of the kernel.
    """

    confidence: Float64s
    rate: Float64s
    density: Float64s
    scale: Float64s


def smooth_curve(record: Judged, w: Float64s) -> SmoothCurve:
    """The curve that `smooth-ece` is the area of: |rate - smoothed confidence| weighed by the density, at its scale.

    The rate at t is sum_i K_s(t, c_i) correct_i / sum_i K_s(t, c_i), with the reflected Gaussian kernel.  w: (B, n).
    """
    confidence, correct = judged(record)
    scale, _ = _scale(confidence, correct - confidence, w)
    mass, hits = (
        smoothed(cosine_waves(confidence, values, w), scale)
        for values in (np.ones_like(confidence), correct.astype(float))
    )
    steps = np.full(GRID, 1.0 / (GRID - 1))
    steps[[0, -1]] /= 2
    with np.errstate(invalid="ignore", divide="ignore"):
        # Beyond the kernel's reach there is rounding only.
        rate = np.where(mass > 1e-13, np.clip(hits / mass, 0.0, 1.0), np.nan)
    return SmoothCurve(np.linspace(0, 1, GRID), rate, mass / steps, scale)


def cosine_waves(confidence: Float64s, values: Float64s, w: Float64s) -> Float64s:
    """Weighted mean of the values, spread over the grid, in the cosine basis, (B, GRID)."""
    (found,) = _on_grid(confidence, values)(w)
    with np.errstate(invalid="ignore"):
        return _waves(found / w.sum(axis=1)[:, None])


def _on_grid(confidence: Float64s, values: Float64s) -> Sums:
    """Sums of the values over the points of the grid, each row's spread linearly over the two that it lies between."""
    place = confidence * (GRID - 1)
    left = np.minimum(place.astype(np.int64), GRID - 2)
    part = place - left
    spread = np.stack([(1 - part) * values, part * values], axis=1)
    return sums(np.stack([left, left + 1], axis=1), GRID, spread)


def _waves(values: Float64s) -> Float64s:
    """Values on the grid in the cosine basis, (B, GRID)."""
    from scipy.fft import dct

    doubled = values.copy()
    doubled[:, [0, -1]] *= 2  # the cosine transform takes the ends half
    return dct(doubled, type=1, axis=1)


def smoothed(waves: Float64s, scale: Float64s) -> Float64s:
    """The smoothed values times the steps of the trapezoid rule, so that their sum is an integral, (B, GRID)."""
    from scipy.fft import dct

    decay = (np.pi * np.arange(GRID)) ** 2 / 2
    smooth = dct(waves * np.exp(-(scale[:, None] ** 2) * decay), type=1, axis=1) / (2 * (GRID - 1))
    smooth[:, [0, -1]] /= 2  # trapezoid
    return smooth


def _scale(confidence: Float64s, gap: Float64s, w: Float64s) -> tuple[Float64s, Float64s]:
    """The kernel width at which the error equals the width, (B,), and the residuals in the cosine basis."""
    waves = cosine_waves(confidence, gap, w)
    # The error falls as the scale grows, so the crossing is unique.
    low, high = np.zeros(len(w)), np.ones(len(w))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = np.abs(smoothed(waves, middle)).sum(axis=1) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return high, waves
