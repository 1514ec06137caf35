"""Regret in every group at once: online predictions that no overlapping group has cause to regret."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.errors import UsageError


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupRegret:
    """Regret of a stream of squared losses against the best linear prediction of each group in hindsight, (G,).

    slope: regret / sqrt(samples of the group), (G,).  worst: the group with the largest.  sizes: (G,).
    """

    regret: Float64s
    slope: Float64s
    sizes: Float64s
    worst: int


def regret(predictions: Float64s, X: Float64s, y: Float64s, groups: Bools) -> GroupRegret:
    """Regret in each group of predictions (T,) of y (T,).

    X: (T, d), what the linear predictors see.  groups: (T, G), membership, may overlap.  The hindsight best of a
    group is its least-squares fit.
    """
    losses = (predictions - y) ** 2
    sizes = groups.sum(axis=0).astype(np.float64)
    if groups.ndim != 2 or (sizes == 0).any() or not len(X) == len(y) == len(predictions) == len(groups):
        raise UsageError("a group without samples", cause=f"memberships {groups.shape}", fix="leave empty groups out")
    found = np.empty(groups.shape[1])
    for g, inside in enumerate(groups.T):
        best = np.linalg.lstsq(X[inside], y[inside], rcond=None)[0]
        found[g] = losses[inside].sum() - ((X[inside] @ best - y[inside]) ** 2).sum()
    slope = found / np.sqrt(sizes)
    return GroupRegret(regret=found, slope=slope, sizes=sizes, worst=int(slope.argmax()))


def online_ridge(X: Float64s, y: Float64s, groups: Bools, *, ridge: float = 1.0) -> Float64s:
    """Predictions (T, G) of one online ridge regression for each group, fed with its own samples only.

    The forecaster of Vovk 2001 and Azoury and Warmuth 2001, which counts the present input before it predicts: regret
    against any b is at most ridge |b|^2 + max y^2 * d log(1 + T max |x|^2 / (ridge d)).
    """
    if ridge <= 0:
        raise UsageError(f"a ridge of {ridge}", cause="the first fit would not exist", fix="give one above 0")
    count, d = groups.shape[1], X.shape[1]
    inverse = np.tile(np.eye(d) / ridge, (count, 1, 1))
    moment = np.zeros((count, d))
    out = np.zeros(groups.shape)
    for t, x in enumerate(X):
        awake = groups[t]
        a = inverse[awake]
        ax = a @ x
        a = a - ax[:, :, None] * ax[:, None] / (1 + ax @ x)[:, None, None]  # Sherman and Morrison
        inverse[awake] = a
        out[t, awake] = (a @ x * moment[awake]).sum(axis=1)
        moment[awake] += y[t] * x
    return out


def sleeping_experts(experts: Float64s, y: Float64s, awake: Bools) -> Float64s:
    """Predictions (T,) by AdaNormalHedge over experts that sleep (Luo and Schapire 2015; Acharya et al. 2023).

    experts, awake: (T, G); y: (T,), all values in [0, 1], where squared losses lie in [0, 1] too.  Weights follow the
    potential exp([R]+^2 / (3 C)) of each expert's regret R and its absolute sum C.  Where nobody is awake: 1/2.
    """
    if ((experts < 0) | (experts > 1))[awake].any() or (y < 0).any() or (y > 1).any():
        raise UsageError("values outside [0, 1]", cause="the bound is for losses in [0, 1]", fix="scale and clip them")
    total, size = np.zeros(experts.shape[1]), np.zeros(experts.shape[1])
    out = np.full(len(y), 0.5)
    for t in range(len(y)):
        here = awake[t]
        if not here.any():
            continue
        w = _potential(total[here] + 1, size[here] + 1) - _potential(total[here] - 1, size[here] + 1)
        w = w / w.sum() if w.sum() > 0 else np.full(len(w), 1 / len(w))
        out[t] = w @ experts[t, here]
        gain = (out[t] - y[t]) ** 2 - (experts[t, here] - y[t]) ** 2
        total[here] += gain
        size[here] += np.abs(gain)
    return out


def bound(sizes: Float64s, rounds: int) -> Float64s:
    """AdaNormalHedge's bound on the regret to each expert, (G,): sqrt(3 T_g (ln G + ln B + ln(1 + ln G))).

    sizes: (G,), rounds awake.  B = 5/2 + 3/2 ln(1 + T) (Luo and Schapire 2015, theorem 1).
    """
    count = len(sizes)
    spread = math.log(count) + math.log(2.5 + 1.5 * math.log(1 + rounds)) + math.log(1 + math.log(count))
    return np.sqrt(3 * sizes * spread)


def groupwise(X: Float64s, y: Float64s, groups: Bools, *, ridge: float = 1.0) -> Float64s:
    """Online predictions (T,) of small regret in each group: `sleeping_experts` over clipped `online_ridge`.

    y: (T,), in [0, 1].  With one group of all samples it is the clipped ridge regression itself.
    """
    return sleeping_experts(np.clip(online_ridge(X, y, groups, ridge=ridge), 0.0, 1.0), y, groups)


def _potential(total: Float64s, size: Float64s) -> Float64s:
    return np.exp(np.maximum(total, 0.0) ** 2 / (3 * size))
