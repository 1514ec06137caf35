"""Importance weights: their mean, how sure it is, and whether it can be believed at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from bench.arrays import Float64s

# Fewer weights than this have no tail to fit.
FEWEST = 25
TRUSTED = 0.7
_BLOCK = 2_000_000


@dataclass(frozen=True, eq=False)
class Weighed:
    """What K log-weights a row say of the logarithm of their mean; all (n,).

    log_mean: log of the mean weight.  error: its standard error by the delta method; NaN for one weight.  ess: the
    effective number of weights, (sum w)^2 / sum w^2.  pareto_k: shape of the weights' tail, NaN for fewer than 25:
    above .5 their variance is infinite, above .7 no number of them can be trusted (Vehtari et al. 2024).
    bias: how far log_mean lies below the truth on average, Var(w) / (2 K mean(w)^2), for weights of finite variance.
    """

    log_mean: Float64s
    error: Float64s
    ess: Float64s
    pareto_k: Float64s
    bias: Float64s


def log_mean_exp(logs: Float64s, axis: int = -1) -> Float64s:
    """Log of the mean of exp(logs) over an axis; -inf where all are."""
    top = logs.max(axis=axis, keepdims=True)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(logs - safe).mean(axis=axis))
    return total + safe.squeeze(axis)


def weighed(logs: Float64s) -> Weighed:
    """`Weighed` from log-weights (n, K)."""
    k = logs.shape[1]
    log_mean = log_mean_exp(logs)
    relative = np.exp(logs - np.where(np.isfinite(log_mean), log_mean, 0.0)[:, None])  # mean 1, or all 0
    squares = (relative**2).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ess = np.where(squares > 0, k * relative.mean(axis=1) ** 2 / squares, 0.0)
        variance = ((relative - 1) ** 2).sum(axis=1) / (k - 1) if k > 1 else np.full(len(logs), np.nan)
    return Weighed(log_mean, np.sqrt(variance / k), ess, pareto_k(logs), variance / (2 * k))


def pareto_k(logs: Float64s) -> Float64s:
    """Shape of a generalised Pareto distribution fitted to the largest weights of each row, (n,); NaN for K < 25.

    The min(K / 5, 3 sqrt K) largest, as in Pareto-smoothed importance sampling: Vehtari et al. 2024; the fit is Zhang
    and Stephens 2009, drawn towards .5 by ten further observations.
    """
    n, k = logs.shape
    if k < FEWEST:
        return np.full(n, np.nan)
    tail = int(np.ceil(min(0.2 * k, 3 * np.sqrt(k))))
    rows = max(1, _BLOCK // (tail * (30 + int(np.sqrt(tail)))))
    return np.concatenate([_fitted(logs[i : i + rows], tail) for i in range(0, n, rows)] or [np.empty(0)])


def _fitted(logs: Float64s, tail: int) -> Float64s:
    largest = np.sort(np.partition(logs, -tail - 1, axis=1)[:, -tail - 1 :], axis=1)
    relative = np.exp(largest - largest[:, -1:])
    over = relative[:, 1:] - relative[:, :1]
    # Equal weights have no tail, and there is nothing to be warned of: -1 is the shape of a uniform one.
    flat = over[:, -1] <= 1e-14
    shapes = generalised_pareto(np.where(flat[:, None], np.arange(1, tail + 1) / tail, over))
    return np.where(flat, -1.0, shapes)


def generalised_pareto(excesses: Float64s) -> Float64s:
    """Shape k of a generalised Pareto distribution for excesses (n, M), ascending in each row and at least 0; (n,).

    Zhang and Stephens 2009, with the weak prior of Vehtari et al. 2024.
    """
    m = excesses.shape[1]
    points = 30 + int(np.sqrt(m))
    steps = 1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))
    quarter = np.maximum(excesses[:, int(m / 4 + 0.5) - 1], np.finfo(float).tiny)
    b = steps / (3 * quarter[:, None]) + 1 / excesses[:, -1:]
    shape = np.log1p(-b[:, :, None] * excesses[:, None, :]).mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        fit = m * (np.log(-b / shape) - shape - 1)
    odds = np.exp(fit - fit.max(axis=1, keepdims=True))
    middle = (b * odds).sum(axis=1) / odds.sum(axis=1)
    found = np.log1p(-middle[:, None] * excesses).mean(axis=1)
    return (m * found + 10 * 0.5) / (m + 10)


class Fields(TypedDict):
    """What a `LogDensity` says of importance weights."""

    mc_error: Float64s | None
    ess: Float64s | None
    pareto_k: Float64s | None


def density_fields(found: Weighed, count: int) -> Fields:
    """What a `LogDensity` says of `count` weights a sample; what so few cannot tell is left out."""
    return {
        "mc_error": found.error if count > 1 else None,
        "ess": found.ess,
        "pareto_k": found.pareto_k if count >= FEWEST else None,
    }
