"""Predictive multiplicity: how far models that are all about as good differ on single samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.errors import UsageError

ITERATIONS = 100
EXACT = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class Multiplicity:
    """What an epsilon-Rashomon set disagrees on.

    members: (H,), who is in it.  low, high: (n,), range of the predictions.  deltas: (D,).  ambiguity: (D,), share of
    samples that some member moves by delta or more.  discrepancy: (D,), the largest share that one member moves.
    """

    members: Bools
    low: Float64s
    high: Float64s
    deltas: Float64s
    ambiguity: Float64s
    discrepancy: Float64s


def multiplicity(
    predictions: Float64s, losses: Float64s, *, baseline: int, epsilon: float, deltas: Float64s
) -> Multiplicity:
    """Ambiguity and discrepancy of a pool (Watson-Daniels, Parkes and Ustun 2023).

    predictions: (H, n), probabilities of H models.  losses: (H,), of the same data and kind.  baseline: the model that
    would be used.  epsilon: >= 0, how much more loss is as good.  deltas: (D,), in (0, 1].
    """
    if predictions.ndim != 2 or losses.shape != predictions.shape[:1] or not 0 <= baseline < len(losses) or epsilon < 0:
        raise UsageError(
            "no such pool of models",
            cause=f"predictions {predictions.shape}, losses {losses.shape}, baseline {baseline}, epsilon {epsilon}",
            fix="give (H, n), (H,), an index below H, and epsilon >= 0",
        )
    members = losses <= losses[baseline] + epsilon
    pool = predictions[members]
    moved = np.abs(pool - predictions[baseline])
    return Multiplicity(
        members=members,
        low=pool.min(axis=0),
        high=pool.max(axis=0),
        deltas=np.asarray(deltas, dtype=np.float64),
        ambiguity=np.array([(moved.max(axis=0) >= delta).mean() for delta in deltas]),
        discrepancy=np.array([(moved >= delta).mean(axis=1).max() for delta in deltas]),
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class LogisticSet:
    """The epsilon-Rashomon set of logistic regression, seen from given points.

    baseline: (d,), the fit.  loss: its mean loss, nats.  low, high: (m,), least and greatest probability of any
    member at each point.  members: (2 m, d), those that reach them, low ones first; each has loss + epsilon.
    gap: the largest excess of any member's loss over loss + epsilon, and of any optimality condition.
    """

    baseline: Float64s
    loss: float
    low: Float64s
    high: Float64s
    members: Float64s
    gap: float

    def multiplicity(self, points: Float64s, deltas: Float64s) -> Multiplicity:
        """Ambiguity, exact at these points (m, d); discrepancy, a lower bound: the best of the members found."""
        everyone = np.concatenate([self.baseline[None], self.members])
        return multiplicity(
            _sigmoid(everyone @ points.T), np.zeros(len(everyone)), baseline=0, epsilon=0.0, deltas=deltas
        )


def logistic_set(X: Float64s, y: Ints, points: Float64s, *, epsilon: float, ridge: float = 0.0) -> LogisticSet:
    """Probabilities that logistic regressions within epsilon of the best loss can give at points (m, d).

    X: (n, d), with a column of ones for an intercept.  y: (n,), 0 or 1.  ridge: of the loss, mean nll + ridge |b|^2/2;
    0 needs classes that overlap.  For each point and side, the largest b.x with loss(b) <= best + epsilon is a convex
    problem: for a multiplier t the maximiser of t b.x - loss(b) is found by Newton steps for all points at once, and
    t, in which that loss rises, by bisection.
    """
    if epsilon <= 0 or ridge < 0 or X.ndim != 2 or points.shape[1:] != X.shape[1:] or len(y) != len(X):
        raise UsageError("no such set", cause="epsilon > 0, X (n, d), y (n,), points (m, d)", fix="mend the arguments")
    fit = _maximisers(X, y, np.zeros((1, X.shape[1])), ridge, np.zeros((1, X.shape[1])))[0]
    best = float(_losses(X, y, fit[None], ridge)[0])
    directions = np.concatenate([-points, points])
    start = np.broadcast_to(fit, directions.shape)
    low, high = np.zeros(len(directions)), np.full(len(directions), _scale(X, fit, directions, epsilon, ridge))
    for _ in range(60):  # doubling until every loss lies beyond the set
        beyond = _losses(X, y, _maximisers(X, y, high[:, None] * directions, ridge, start), ridge) >= best + epsilon
        beyond |= ~directions.any(axis=1)
        if beyond.all():
            break
        high = np.where(beyond, high, 2 * high)
    found = start
    for _ in range(50):
        middle = (low + high) / 2
        found = _maximisers(X, y, middle[:, None] * directions, ridge, found)
        inside = _losses(X, y, found, ridge) <= best + epsilon
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    members = _maximisers(X, y, low[:, None] * directions, ridge, found)
    reached = _sigmoid((members * np.concatenate([points, points])).sum(axis=1))
    excess = np.abs(_losses(X, y, members, ridge) - best - epsilon)[directions.any(axis=1)]
    slopes = np.abs(_slopes(X, y, members, ridge) - low[:, None] * directions)
    m = len(points)
    return LogisticSet(
        baseline=fit,
        loss=best,
        low=reached[:m],
        high=reached[m:],
        members=members,
        gap=float(max(excess.max(initial=0.0), slopes.max(initial=0.0))),
    )


def _scale(X: Float64s, fit: Float64s, directions: Float64s, epsilon: float, ridge: float) -> Float64s:
    """Multipliers of the quadratic approximation: t = sqrt(2 epsilon / x' H^-1 x)."""
    p = _sigmoid(X @ fit)
    hessian = (X.T * (p * (1 - p))) @ X / len(X) + ridge * np.eye(X.shape[1])
    reach = (directions * np.linalg.solve(hessian, directions.T).T).sum(axis=1)
    return np.sqrt(2 * epsilon / np.where(reach > 0, reach, 1.0))


def _maximisers(X: Float64s, y: Ints, tilts: Float64s, ridge: float, start: Float64s) -> Float64s:
    """Argmax of b.tilt - loss(b) for each tilt, (m, d), by damped Newton steps from start (m, d)."""
    b = np.array(start, dtype=np.float64)
    eye = ridge * np.eye(X.shape[1])
    for _ in range(ITERATIONS):
        p = _sigmoid(b @ X.T)
        slope = tilts - _slopes(X, y, b, ridge)
        if np.abs(slope).max() <= EXACT:
            return b
        hessian = np.einsum("mn,ni,nj->mij", p * (1 - p), X, X, optimize=True) / len(X) + eye
        try:
            step = np.linalg.solve(hessian, slope[:, :, None])[:, :, 0]
        except np.linalg.LinAlgError as error:
            raise _separable() from error
        value = (tilts * b).sum(axis=1) - _losses(X, y, b, ridge)
        size = np.ones(len(b))
        for _ in range(40):
            tried = b + size[:, None] * step
            worse = (tilts * tried).sum(axis=1) - _losses(X, y, tried, ridge) < value - 1e-15
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        b = b + size[:, None] * step
    if np.abs(tilts - _slopes(X, y, b, ridge)).max() > 1e-7:
        raise _separable()
    return b


def _separable() -> UsageError:
    return UsageError(
        "the logistic regressions have no optimum",
        cause="the classes are separated by a plane, or columns depend on each other",
        fix="give a ridge above 0",
    )


def _losses(X: Float64s, y: Ints, b: Float64s, ridge: float) -> Float64s:
    z = b @ X.T
    return (np.logaddexp(0.0, z) - y * z).mean(axis=1) + ridge / 2 * (b**2).sum(axis=1)


def _slopes(X: Float64s, y: Ints, b: Float64s, ridge: float) -> Float64s:
    return (_sigmoid(b @ X.T) - y) @ X / len(X) + ridge * b


def _sigmoid(z: Float64s) -> Float64s:
    half: Float64s = np.tanh(z / 2)
    return (1 + half) / 2
