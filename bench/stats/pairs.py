"""What a model of pairs of answers knows of its ignorance: the second answer foreseen with the first in sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints
from bench.errors import UsageError


@dataclass(frozen=True, eq=False)
class Cheat:
    """Of n questions and C answers: variance (n, C) of the true p(y|x) about the model's, at least 0.

    confidence: (n, C), p(y) / p(y | y), at most 1 for a calibrated model.  clipped: negative variances set to 0.
    """

    variance: Float64s
    confidence: Float64s
    clipped: int

    def interval(self, first: Float64s, beta: float) -> tuple[Float64s, Float64s]:
        """Bounds (n, C) that hold the true p(y|x) with probability at least 1 - beta, by Chebyshev, within [0, 1].

        The probability is over questions that the model cannot tell apart, if it is calibrated to second order.
        """
        if not 0 < beta < 1:
            raise UsageError("no interval", cause=f"beta is {beta}", fix="give a number between 0 and 1")
        reach = np.sqrt(self.variance / beta)
        return np.clip(first - reach, 0.0, 1.0), np.clip(first + reach, 0.0, 1.0)


def cheat(first: Float64s, second: Float64s) -> Cheat:
    """From p(y1) (n, C) and p(y2 | y1) (n, C, C), rows by y1: V = p(y) (p(y | y) - p(y)).

    Source: Johnson et al. 2024, Experts Don't Cheat.
    """
    own = np.einsum("ncc->nc", second)
    raw = first * (own - first)
    with np.errstate(invalid="ignore", divide="ignore"):
        confidence = np.where(own > 0, first / own, 1.0)
    return Cheat(np.maximum(raw, 0.0), confidence, int((raw < 0).sum()))


def covariance(first: Float64s, second: Float64s) -> Float64s:
    """p(y1) (p(y2 | y1) - p(y2)): the covariance of the true probabilities of two answers, (n, C, C)."""
    return first[:, :, None] * (second - first[:, None, :])


def audit(first: Float64s, variance: Float64s, pairs: Ints, bins: int = 10) -> tuple[float, Float64s, Float64s]:
    """Second-order calibration error from held-out pairs (n, 2); what each bin by variance said and showed, (bins,).

    (1[y1 = y] - p)(1[y2 = y] - p) has the true squared error (p_true - p)^2 for its mean, since two answers are
    independent given the question; bins hold equally many (question, answer)s.  The error is the mean |said - showed|.
    """
    hits = pairs[:, :, None] == np.arange(first.shape[1])
    product = (hits[:, 0] - first) * (hits[:, 1] - first)
    order = np.argsort(variance.ravel(), kind="stable")
    said = np.array([part.mean() for part in np.array_split(variance.ravel()[order], bins)])
    shown = np.array([part.mean() for part in np.array_split(product.ravel()[order], bins)])
    return float(np.abs(said - shown).mean()), said, shown
