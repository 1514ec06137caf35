"""Logistic regression with few coefficients, for any number of weightings at once."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s

STEPS = 60
HALVINGS = 30
CLOSE = 1e-10


def logistic(features: Float64s, target: Float64s, w: Float64s, offset: Float64s | float = 0.0) -> Float64s:
    """Coefficients of greatest likelihood of sigmoid(offset + features @ b), under each weighting, (B, d).

    features: (n, d), with a column of ones where an intercept is wanted.  target: (n,) in [0, 1].  w: (B, n) >= 0.
    offset: (n,).  Newton's method with halved steps.  NaN where there is no maximum: the classes are separated by the
    features, or features are collinear.
    """
    d = features.shape[1]
    outer = (features[:, :, None] * features[:, None, :]).reshape(len(features), d * d)
    b = np.full((len(w), d), np.nan)
    left = np.flatnonzero(w.sum(axis=1) > 0)  # the weightings still on their way
    b[left] = 0.0
    scaled = w[left] / w[left].sum(axis=1, keepdims=True)
    loss = _loss(b[left], features, target, scaled, offset)
    for _ in range(STEPS):
        if len(left) == 0:
            break
        p = _sigmoid(offset + b[left] @ features.T)
        slope = (scaled * (target - p)) @ features
        curvature = ((scaled * (p * (1 - p))) @ outer).reshape(-1, d, d)
        # Of a matrix of full rank the determinant is not lost beside the product of the diagonal (Hadamard).
        with np.errstate(divide="ignore", invalid="ignore"):
            flat = ~(np.linalg.det(curvature) > 1e-13 * np.diagonal(curvature, axis1=1, axis2=2).prod(axis=1))
        b[left[flat]] = np.nan
        left, scaled, loss = left[~flat], scaled[~flat], loss[~flat]
        step = np.linalg.solve(curvature[~flat], slope[~flat][:, :, None])[:, :, 0]
        moved, loss, step = _downhill(b[left], step, loss, features, target, scaled, offset)
        b[left] = moved
        going = np.abs(step).max(axis=1) > CLOSE * (1 + np.abs(moved).max(axis=1))
        left, scaled, loss = left[going], scaled[going], loss[going]
    b[left] = np.nan
    return b


def _downhill(
    b: Float64s,
    step: Float64s,
    loss: Float64s,
    features: Float64s,
    target: Float64s,
    w: Float64s,
    offset: Float64s | float,
) -> tuple[Float64s, Float64s, Float64s]:
    """Where the steps lead, halved where the loss would rise, with the loss there and the steps taken."""
    after = _loss(b + step, features, target, w, offset)
    for _ in range(HALVINGS):
        # Near the minimum the loss is flat to rounding, which is no rise.
        worse = ~(after <= loss + 1e-13 * (1 + np.abs(loss)))
        if not worse.any():
            break
        step[worse] /= 2
        after[worse] = _loss(b[worse] + step[worse], features, target, w[worse], offset)
    return b + step, after, step


def _loss(b: Float64s, features: Float64s, target: Float64s, w: Float64s, offset: Float64s | float) -> Float64s:
    z = offset + b @ features.T
    return (w * (np.logaddexp(0.0, z) - target * z)).sum(axis=1)


def _sigmoid(z: Float64s) -> Float64s:
    from scipy.special import expit

    return expit(z)
