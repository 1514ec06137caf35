"""Calibration by logistic curves: Platt's sigmoid and the beta family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.calibrators.rows import one_vs_rest
from bench.components import Calibration, calibrator
from bench.metrics.logistic import logistic
from bench.records import Classification

Fitted = tuple[dict[str, Any], Callable[[Float64s], Float64s]]


def smoothed_targets(outcome: Float64s, weights: Float64s) -> Float64s:
    """Platt's targets: (N+ + 1) / (N+ + 2) for the outcome 1 and 1 / (N- + 2) for 0, N by weight."""
    ones = float(weights @ outcome)
    zeros = float(weights.sum()) - ones
    return np.where(outcome > 0, (ones + 1) / (ones + 2), 1 / (zeros + 2))


def platt_line(scores: Float64s, outcome: Float64s, weights: Float64s) -> tuple[float, float]:
    """Slope a and intercept b of Platt's sigma(a s + b), of greatest likelihood of the smoothed targets.

    Constant scores have slope 0.  scores: (n,), finite; outcome: (n,) in {0, 1}; weights: (n,).
    """
    target = smoothed_targets(outcome, weights)
    spread = float(np.ptp(scores))
    if spread == 0:
        mean = float(weights @ target / weights.sum())
        return 0.0, float(np.log(mean / (1 - mean)))
    middle = float(np.median(scores))
    features = np.stack([(scores - middle) / spread, np.ones_like(scores)], axis=1)
    a, b = logistic(features, target, weights[None])[0]
    return float(a / spread), float(b - a * middle / spread)


def _sigmoid(z: Float64s) -> Float64s:
    from scipy.special import expit

    return expit(z)


@calibrator(
    "platt",
    of=Classification,
    source="Platt 1999, Probabilistic outputs for support vector machines",
    default=False,
    papers=("Uncertainty quantification for improving radiomic-based models in radiation pneumonitis prediction",),
    check="calibration/sigmoids",
)
def platt(record: Classification) -> Calibration:
    """Platt scaling: sigma(a s + b) on the log-odds s, fitted to smoothed targets, so that separable data have an end.

    Two classes: one sigmoid.  More: one a class against the rest, then normalised.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        a, b = platt_line(odds, outcome, weights)
        return {"slope": a, "intercept": b}, lambda s: _sigmoid(a * s + b)

    return one_vs_rest(record, fit)


def _beta_features(odds: Float64s) -> Float64s:
    """Logarithms of p and of 1 / (1 - p), (n, 2), from the log-odds of p."""
    return np.stack([-np.logaddexp(0.0, -odds), np.logaddexp(0.0, odds)], axis=1)


def beta_curve(odds: Float64s, outcome: Float64s, weights: Float64s) -> tuple[float, float, float, bool]:
    """a, b, c of the beta curve sigma(a ln p - b ln(1 - p) + c), a, b >= 0, and whether targets were smoothed.

    Of greatest likelihood; where an exponent would be negative it is 0 (the curve must not fall).  Where there is no
    maximum, since the scores separate the outcomes, Platt's smoothed targets take the outcomes' place.
    """
    features = np.concatenate([_beta_features(odds), np.ones((len(odds), 1))], axis=1)
    for target, smooth in ((outcome, False), (smoothed_targets(outcome, weights), True)):
        found = _constrained(features, target, weights)
        if found is not None:
            return *found, smooth
    a, b = platt_line(odds, outcome, weights)  # constant scores: a mean
    return a, a, b, True


def _constrained(features: Float64s, target: Float64s, weights: Float64s) -> tuple[float, float, float] | None:
    """The best of the fits whose exponents are not negative, or nothing where one has no maximum."""
    best: tuple[float, tuple[float, float, float]] | None = None
    for kept in ([0, 1, 2], [0, 2], [1, 2]):
        b = logistic(features[:, kept], target, weights[None])[0]
        if np.isnan(b).any():
            continue
        coefficients = np.zeros(3)
        coefficients[kept] = b
        if (coefficients[:2] >= 0).all():
            z = features @ coefficients
            loss = float(weights @ (np.logaddexp(0.0, z) - target * z))
            if best is None or loss < best[0]:
                best = loss, (float(coefficients[0]), float(coefficients[1]), float(coefficients[2]))
            if len(kept) == 3:  # inside the bounds: the maximum itself
                break
    if best is None and np.ptp(target) > 0 and np.ptp(features[:, 0]) > 0:
        # Every rising curve is worse than a flat one, or the outcomes are separated: the flat one tells.
        return _flat(features, target, weights)
    return None if best is None else best[1]


def _flat(features: Float64s, target: Float64s, weights: Float64s) -> tuple[float, float, float] | None:
    """A constant, where a falling line fits best; nothing where the outcomes are separated."""
    slope = logistic(features[:, [0, 2]], target, weights[None])[0][0]
    if not slope < 0:
        return None
    mean = float(weights @ target / weights.sum())
    return 0.0, 0.0, float(np.log(mean / (1 - mean)))


@calibrator(
    "beta",
    of=Classification,
    source="Kull, Silva Filho and Flach 2017, Beta calibration",
    default=False,
    check="calibration/sigmoids",
)
def beta(record: Classification) -> Calibration:
    """Beta calibration: sigma(a ln p - b ln(1 - p) + c) with a, b >= 0; the identity is among its curves.

    Two classes: one curve.  More: one a class against the rest, then normalised.  Scores that separate the outcomes are
    fitted to Platt's smoothed targets, and the parameters say so.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        a, b, c, smooth = beta_curve(odds, outcome, weights)

        def curve(s: Float64s) -> Float64s:
            return _sigmoid(_beta_features(s) @ np.array([a, b]) + c)

        return {"a": a, "b": b, "c": c, "smoothed_targets": smooth}, curve

    return one_vs_rest(record, fit)
