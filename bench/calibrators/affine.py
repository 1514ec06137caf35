"""Calibration by an affine map of the logits: vector, matrix and Dirichlet scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.calibrators.rows import Rows, fold_of, usable
from bench.components import Calibration, NotApplicable, calibrator
from bench.records import Classification, log_softmax

STEPS = 2000
FEW = 20  # classes up to which Newton's method, with its C^2 x C^2 matrix, is the faster
NEWTON = 100  # its most steps
MOST = 100  # classes of which a matrix is still fitted
FLOOR = np.log(1e-12)  # what a probability of 0 counts as
STRENGTHS = (1.0, 0.1, 0.01, 0.001)
FOLDS = 3

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
    answer.  Where the labels are separable the loss has no minimum, and the search ends after 2,000 steps.
    """
    rows = usable(record, possible=True)
    z = _centred(rows.logits)
    possible, finite = np.isfinite(z), np.where(np.isfinite(z), z, 0.0)
    spread = float(finite.std()) or 1.0
    classes = z.shape[1]

    def objective(theta: Float64s) -> tuple[float, Float64s]:
        scale, shift = theta[:classes] / spread, theta[classes:]
        loss, slope = _loss(np.where(possible, finite * scale + shift, -np.inf), rows.labels, rows.weights)
        return loss, np.concatenate([(slope * finite).sum(axis=0) / spread, slope.sum(axis=0)])

    found = _minimised(objective, np.concatenate([np.full(classes, spread), np.zeros(classes)]))
    scale, shift = found[:classes] / spread, found[classes:] - found[classes:].mean()

    def apply(other: Classification) -> Classification:
        centred = _centred(other.logits)
        with np.errstate(invalid="ignore"):
            moved = np.where(np.isfinite(centred), centred * scale + shift, -np.inf)
        return replace(other, logits=moved, members=None)

    return Calibration({"scale": scale.tolist(), "shift": shift.tolist()}, apply)


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

    x = features(rows.logits)
    strength = _chosen(x, rows)
    weights, shift = odir(x, rows.labels, rows.weights, strength)

    def apply(other: Classification) -> Classification:
        return replace(other, logits=features(other.logits) @ weights.T + shift, members=None)

    return Calibration({"matrix": weights.tolist(), "shift": shift.tolist(), "strength": strength}, apply)


def _chosen(x: Float64s, rows: Rows) -> float:
    """The strength of least loss on the folds left out; the strongest of equals, and where there is but one fold."""
    fold = fold_of(rows.names, FOLDS)
    if len(np.unique(fold)) < FOLDS:
        return STRENGTHS[0]
    losses = []
    for strength in STRENGTHS:
        total = 0.0
        for k in range(FOLDS):
            inside, out = fold != k, fold == k
            weights, shift = odir(x[inside], rows.labels[inside], rows.weights[inside], strength)
            loss, _ = _loss(x[out] @ weights.T + shift, rows.labels[out], rows.weights[out])
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
