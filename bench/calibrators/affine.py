"""Calibration by an affine map of the logits: vector, matrix and Dirichlet scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.calibrators.rows import Rows, fold_of, usable
from bench.calibrators.temperature import best_temperature
from bench.components import Calibration, NotApplicable, calibrator
from bench.records import Classification, log_softmax

STEPS = 2000
FEW = 20  # classes up to which Newton's method, with its C^2 x C^2 matrix, is the faster
MANY = 200  # the same for a vector, with its 2 C x 2 C
NEWTON = 100  # its most steps
MOST = 100  # classes of which a matrix is still fitted
FLOOR = np.log(1e-12)  # what a probability of 0 counts as
STRENGTHS = (1.0, 0.1, 0.01, 0.001)
FOLDS = 3

# (features, labels, weights, strength) -> the map from features to logits
Fit = Callable[[Float64s, Ints, Float64s, float], Callable[[Float64s], Float64s]]
Objective = Callable[[Float64s], tuple[float, Float64s]]


def _minimised(objective: Objective, start: Float64s) -> Float64s:
    from scipy.optimize import minimize

    options: Any = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-13, "gtol": 1e-8, "maxcor": 20}
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x, dtype=np.float64)


def _loss(logits: Float64s, labels: Ints, weights: Float64s) -> tuple[float, Float64s]:
    """Weighted mean negative log-likelihood, and its gradient in the logits, (n, C)."""
    log_probs = log_softmax(logits)
    rows = np.arange(len(labels))
    share = weights / weights.sum()
    slope = np.exp(log_probs)
    slope[rows, labels] -= 1
    return -float(share @ log_probs[rows, labels]), slope * share[:, None]


@calibrator(
    "vector",
    of=Classification,
    source="Guo et al. 2017, On Calibration of Modern Neural Networks",
    default=False,
    check="calibration/affine-recovery",
)
def vector(record: Classification) -> Calibration:
    """Vector scaling: z_c -> a_c z_c + b_c, of least negative log-likelihood, logits centred within each row.

    Centred, since logits are known up to a constant only.  Classes of probability 0 keep it.  It may change the
    answer.  Unheld, it runs away where few rows separate a class; so it is drawn to temperature scaling, by a strength
    chosen as in `matrix`.
    """
    rows = usable(record, possible=True)
    z = _centred(rows.logits)

    def fit(x: Float64s, labels: Ints, weights: Float64s, strength: float) -> Callable[[Float64s], Float64s]:
        scale, shift = vector_scaling(x, labels, weights, strength)
        return lambda other: _stretched(other, scale, shift)

    strength = _chosen(fit, z, rows)
    scale, shift = vector_scaling(z, rows.labels, rows.weights, strength)

    def apply(other: Classification) -> Classification:
        return replace(other, logits=_stretched(_centred(other.logits), scale, shift), members=None)

    return Calibration({"scale": scale.tolist(), "shift": shift.tolist(), "strength": strength}, apply)


def _stretched(z: Float64s, scale: Float64s, shift: Float64s) -> Float64s:
    finite = np.isfinite(z)
    return np.where(finite, np.where(finite, z, 0.0) * scale + shift, -np.inf)


def vector_scaling(z: Float64s, labels: Ints, weights: Float64s, strength: float) -> tuple[Float64s, Float64s]:
    """Scales a and shifts b, each (C,), of least mean loss plus strength x (mean (a T - 1)^2 + mean b^2).

    T is the best temperature.  z: (n, C), centred, -inf for impossible classes; labels: (n,); weights: (n,).
    """
    classes = z.shape[1]
    unit = 1 / best_temperature(z, labels, weights)
    finite = np.where(np.isfinite(z), z, 0.0) * unit
    possible = np.isfinite(z)
    share = weights / weights.sum()
    target = np.append(np.ones(classes), np.zeros(classes))
    held = 2 * strength / classes

    def logits(theta: Float64s) -> Float64s:
        return np.where(possible, finite * theta[:classes] + theta[classes:], -np.inf)

    def objective(theta: Float64s) -> tuple[float, Float64s]:
        loss, slope = _loss(logits(theta), labels, weights)
        off = theta - target
        gradient = np.append((slope * finite).sum(axis=0), slope.sum(axis=0)) + held * off
        return loss + held * float(off @ off) / 2, gradient

    def curvature(theta: Float64s) -> Float64s:
        p = np.exp(log_softmax(logits(theta)))
        mixed = np.append(p * finite, p, axis=1)
        second = held * np.eye(2 * classes) - (mixed * share[:, None]).T @ mixed
        first, both = np.arange(classes), np.arange(classes) + classes
        second[first, first] += share @ (p * finite**2)
        second[both, both] += share @ p
        second[first, both] += share @ (p * finite)
        second[both, first] += share @ (p * finite)
        return second

    found = _newton(objective, curvature, target) if classes <= MANY else _minimised(objective, target)
    return found[:classes] * unit, found[classes:] - found[classes:].mean()


def _centred(logits: Float64s) -> Float64s:
    """Logits less the mean of each row's finite ones."""
    finite = np.isfinite(logits)
    mean = np.where(finite, logits, 0.0).sum(axis=1) / finite.sum(axis=1)
    return logits - mean[:, None]


@calibrator(
    "matrix",
    of=Classification,
    source="Guo et al. 2017; Kull et al. 2019, Beyond temperature scaling (ODIR regularisation)",
    default=False,
    check="calibration/affine-recovery",
)
def matrix(record: Classification) -> Calibration:
    """Matrix scaling: W z + b of the logits (centred within each row), with ODIR regularisation.

    Off-diagonal entries and intercepts are drawn to 0, by the strength out of 1, .1, .01, .001 that has the least loss
    in three-fold cross-validation on the calibration split (folds by id, groups together).  At most 100 classes.  A
    probability of 0 counts as 1e-12.
    """
    return _affine(record, lambda other: _centred(np.maximum(other, FLOOR)))


@calibrator(
    "dirichlet",
    of=Classification,
    source="Kull et al. 2019, Beyond temperature scaling: Obtaining well-calibrated multiclass probabilities",
    default=False,
    check="calibration/affine-recovery",
)
def dirichlet(record: Classification) -> Calibration:
    """Dirichlet calibration: W ln p + b with ODIR regularisation, strength chosen as in `matrix`.

    At most 100 classes; a probability of 0 counts as 1e-12.  With two classes it is beta calibration without bounds.
    """
    return _affine(record, lambda other: other)


def _affine(record: Classification, features_of: Callable[[Float64s], Float64s]) -> Calibration:
    rows = usable(record)
    if rows.logits.shape[1] > MOST:
        raise NotApplicable(f"a matrix of {rows.logits.shape[1]} x {rows.logits.shape[1]} classes; {MOST} are the most")

    def features(logits: Float64s) -> Float64s:
        return features_of(np.maximum(log_softmax(logits), FLOOR))

    def fit(x: Float64s, labels: Ints, weights: Float64s, strength: float) -> Callable[[Float64s], Float64s]:
        w, b = odir(x, labels, weights, strength)
        return lambda other: other @ w.T + b

    x = features(rows.logits)
    strength = _chosen(fit, x, rows)
    weights, shift = odir(x, rows.labels, rows.weights, strength)

    def apply(other: Classification) -> Classification:
        return replace(other, logits=features(other.logits) @ weights.T + shift, members=None)

    return Calibration({"matrix": weights.tolist(), "shift": shift.tolist(), "strength": strength}, apply)


def _chosen(fit: Fit, x: Float64s, rows: Rows) -> float:
    """The strength of least loss on the folds left out; the strongest of equals, and where there is but one fold."""
    fold = fold_of(rows.names, FOLDS)
    if len(np.unique(fold)) < FOLDS:
        return STRENGTHS[0]
    losses = []
    for strength in STRENGTHS:
        total = 0.0
        for k in range(FOLDS):
            inside, out = fold != k, fold == k
            fitted = fit(x[inside], rows.labels[inside], rows.weights[inside], strength)
            loss, _ = _loss(fitted(x[out]), rows.labels[out], rows.weights[out])
            total += loss * float(rows.weights[out].sum())
        losses.append(total)
    return STRENGTHS[int(np.argmin(losses))]


def odir(x: Float64s, labels: Ints, weights: Float64s, strength: float) -> tuple[Float64s, Float64s]:
    """W (C, C) and b (C,) of least mean loss of softmax(W x + b) plus off-diagonal and intercept regularisation.

    The penalty is strength x (mean of the squares of the C (C - 1) off-diagonal entries + mean of those of b).
    x: (n, C); labels: (n,); weights: (n,).
    """
    classes = x.shape[1]
    features = np.append(x, np.ones((len(x), 1)), axis=1)
    off = np.append(
        ~np.eye(classes, dtype=bool) / max(classes * (classes - 1), 1), np.full((classes, 1), 1 / classes), 1
    )
    held = 2 * strength * off
    share = weights / weights.sum()

    def objective(theta: Float64s) -> tuple[float, Float64s]:
        t = theta.reshape(classes, -1)
        loss, slope = _loss(features @ t.T, labels, weights)
        return loss + float((held * t**2).sum()) / 2, (slope.T @ features + held * t).ravel()

    def curvature(theta: Float64s) -> Float64s:
        p = np.exp(log_softmax(features @ theta.reshape(classes, -1).T))
        size = features.shape[1]
        mixed = (p[:, :, None] * features[:, None, :]).reshape(len(x), -1)
        second = -(mixed * share[:, None]).T @ mixed
        blocks = second.reshape(classes, size, classes, size)
        for c in range(classes):
            blocks[c, :, c, :] += (features * (share * p[:, c])[:, None]).T @ features
        return second + np.diag(held.ravel())

    start = np.append(np.eye(classes), np.zeros((classes, 1)), axis=1).ravel()
    found = _newton(objective, curvature, start) if classes <= FEW else _minimised(objective, start)
    return found.reshape(classes, -1)[:, :-1], found.reshape(classes, -1)[:, -1]


def _newton(objective: Objective, curvature: Callable[[Float64s], Float64s], theta: Float64s) -> Float64s:
    """The minimum of a convex function by Newton's method with halved steps."""
    loss, slope = objective(theta)
    for _ in range(NEWTON):
        # Directions in which nothing changes (all classes alike) are given a crumb of curvature.
        second = curvature(theta)
        crumb = 1e-12 * float(np.trace(second)) / len(theta)
        step = -np.linalg.solve(second + crumb * np.eye(len(theta)), slope)
        promised = -float(slope @ step)
        if not promised > 1e-13:
            break
        size = 1.0
        while size > 1e-10:
            after, next_slope = objective(theta + size * step)
            if after <= loss - 1e-4 * size * promised + 1e-16:
                break
            size /= 2
        else:
            break
        theta, loss, slope = theta + size * step, after, next_slope
    return theta
