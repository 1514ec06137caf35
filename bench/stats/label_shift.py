"""Target shift: the outcomes' shares changed, what they look like did not.  Their weights, from unlabelled inputs.

Source samples have an outcome and an input, or what a predictor says of it; target samples have inputs alone.  The
weights p_target(y) / p_source(y) turn means over source samples into means over the target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.errors import UsageError

RETASA = "ReTaSA: A Nonparametric Functional Estimation Approach for Addressing Continuous Target Shift"
# Of the Tikhonov penalty: the authors' rate for functions that are twice smooth.
RATE = 1 / 3


@dataclass(frozen=True, eq=False)
class Shifted:
    """Weights of source samples, (n,), mean 1, and their effective number (sum w)^2 / sum w^2."""

    weights: Float64s

    @property
    def effective(self) -> float:
        """Number of equally weighted samples that tell as much."""
        return float(self.weights.sum() ** 2 / max((self.weights**2).sum(), 1e-300))

    def risk(self, losses: Float64s) -> float:
        """Weighted mean of the source losses (n,): the target's risk."""
        return float(self.weights @ losses / self.weights.sum())


def bbse(labels: Ints, predicted: Ints, target_predicted: Ints, classes: int) -> Float64s:
    """Weight of each class, (C,): what the confusion matrix needs to give the target's predictions.

    labels, predicted: (n,) of source samples that the predictor was not fitted on.  target_predicted: (m,).  The
    solution is clipped at 0.  Raises `UsageError` where the confusion matrix cannot be solved: a class without samples,
    or two that are predicted alike.  Source: Lipton, Wang and Smola 2018, arXiv:1802.03916.
    """
    joint = np.bincount(predicted * classes + labels, minlength=classes**2).reshape(classes, classes) / len(labels)
    marginal = np.bincount(target_predicted, minlength=classes) / len(target_predicted)
    if np.linalg.cond(joint) > 1e8:
        raise UsageError(
            "label shift cannot be estimated",
            cause="the confusion matrix is singular: a class has no samples, or two are predicted alike",
            fix="give more source samples, or a better predictor",
        )
    return np.maximum(np.linalg.solve(joint, marginal), 0.0)


def retasa(inputs: AnyArray, outcomes: Float64s, target_inputs: AnyArray, penalty: float = 0.0) -> Shifted:
    """Weights of source samples under a shift of a continuous outcome (ReTaSA), clipped at 0.

    inputs: (n,) or (n, p), or a predictor's output.  outcomes: (n,).  target_inputs: (m,) or (m, p).  Solves
    E_source[w(Y) | X = x] = p_target(x) / p_source(x) with kernel regressions, Gaussian, of Silverman's width;
    penalty: Tikhonov's, 0 takes n^(-1/3).  Source: Kim et al. 2024, arXiv:2401.16410.
    """
    x, z = _table(inputs), _table(target_inputs)
    y = np.asarray(outcomes, dtype=np.float64)[:, None]
    ratio = _density(z, x, x) / np.maximum(_density(x, x, x), 1e-300)
    return solved(_kernel(x, x), _kernel(y, y), ratio - 1, penalty or len(x) ** -RATE)


def solved(of_inputs: Float64s, of_outcomes: Float64s, excess: Float64s, penalty: float) -> Shifted:
    """(a I + T* T)^-1 T* eta plus 1 at the samples.

    of_inputs, of_outcomes: kernels (n, n), which become the regressions T on inputs and T* on outcomes.  excess: eta,
    p_target(x) / p_source(x) - 1 at the samples, (n,).
    """
    on_inputs = of_inputs / of_inputs.sum(axis=1, keepdims=True)
    on_outcomes = of_outcomes / of_outcomes.sum(axis=1, keepdims=True)
    system = penalty * np.eye(len(excess)) + on_outcomes @ on_inputs
    weights = np.maximum(1 + np.linalg.solve(system, on_outcomes @ excess), 0.0)
    return Shifted(weights / max(float(weights.mean()), 1e-300))


def _table(values: AnyArray) -> Float64s:
    rows = np.asarray(values, dtype=np.float64)
    return rows.reshape(len(rows), -1)


def _widths(rows: Float64s) -> Float64s:
    n, p = rows.shape
    spread = rows.std(axis=0, ddof=1)
    return np.asarray(np.where(spread > 0, spread, 1.0) * (4 / (p + 2) / n) ** (1 / (p + 4)), dtype=np.float64)


def _kernel(at: Float64s, bank: Float64s) -> Float64s:
    """Gaussian kernel of Silverman's width of the bank, (len(at), len(bank)), largest 1 where at = bank."""
    a, b = at / _widths(bank), bank / _widths(bank)
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.exp(-np.maximum(squares, 0.0) / 2)


def _density(bank: Float64s, scale: Float64s, at: Float64s) -> Float64s:
    """Kernel density of the bank at some points, with the width that `scale` has, up to a factor that depends on it."""
    widths = _widths(scale)
    a, b = at / widths, bank / widths
    squares = (a**2).sum(axis=1)[:, None] - 2 * a @ b.T + (b**2).sum(axis=1)
    return np.asarray(np.exp(-np.maximum(squares, 0.0) / 2).mean(axis=1), dtype=np.float64)
