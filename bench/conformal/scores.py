"""Scores of classes: how badly each fits a predicted distribution.  All (n, C), lower for a better fit."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s


def lac(probs: Float64s) -> Float64s:
    """One less the class's probability: the smallest sets on average.  Sadinle, Lei and Wasserman 2019."""
    return 1.0 - probs


def aps(probs: Float64s, u: Float64s | None = None) -> Float64s:
    """Probability of all more probable classes, plus the share u of the class's own.

    u: (n,), one uniform draw a row, at calibration and at prediction alike, which makes coverage exact; absent: 1, the
    whole, which is wider.  Equally probable classes are in the order of their numbers.
    Source: Romano, Sesia and Candes 2020, Classification with Valid and Adaptive Coverage.
    """
    return raps(probs, u, penalty=0.0, free=0)


def raps(probs: Float64s, u: Float64s | None = None, *, penalty: float, free: int) -> Float64s:
    """The score of `aps` plus `penalty` for each place by which the class's rank (from 1) exceeds `free`.

    Source: Angelopoulos et al. 2021, Uncertainty Sets for Image Classifiers using Conformal Prediction.
    """
    by_size = np.argsort(-probs, axis=1, kind="stable")
    ordered = np.take_along_axis(probs, by_size, axis=1)
    part = 0.0 if u is None else (1.0 - u[:, None]) * ordered
    ranks = np.arange(1, probs.shape[1] + 1)
    values = np.cumsum(ordered, axis=1) - part + penalty * np.maximum(ranks - free, 0)
    scores = np.empty_like(values)
    np.put_along_axis(scores, by_size, values, axis=1)
    return scores


def ranks(probs: Float64s) -> Float64s:
    """Rank of each class from 1, the most probable first, (n, C)."""
    by_size = np.argsort(-probs, axis=1, kind="stable")
    out = np.empty(probs.shape)
    np.put_along_axis(out, by_size, np.broadcast_to(np.arange(1.0, probs.shape[1] + 1), probs.shape), axis=1)
    return out
