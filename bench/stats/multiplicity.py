"""Many tests at once: p-values adjusted so that each can be held against alpha itself."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.errors import UsageError, unknown_name

Method = Literal["none", "bonferroni", "holm", "hochberg", "bh", "by"]
METHODS: tuple[Method, ...] = get_args(Method)


def adjusted(p_values: AnyArray, method: Method) -> Float64s:
    """Adjusted p-values (K,), in the order given.

    Family-wise error, any dependence: bonferroni, holm (Holm 1979, never weaker).  Family-wise under independence or
    positive dependence: hochberg (1988).  False discovery rate: bh (Benjamini and Hochberg 1995, independence or
    positive dependence), by (Benjamini and Yekutieli 2001, any dependence).
    """
    p = np.asarray(p_values, dtype=np.float64)
    if method not in METHODS:
        raise unknown_name("correction", method, METHODS, listing="none, bonferroni, holm, hochberg, bh, by")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise UsageError("no p-values", cause="each must be a number in [0, 1]", fix="leave out tests without one")
    count = len(p)
    if method == "none" or count == 0:
        return p.copy()
    order = np.argsort(p, kind="stable")
    ranked, rank = p[order], np.arange(1, count + 1)
    factor = {
        "bonferroni": np.full(count, float(count)),
        "holm": count + 1.0 - rank,
        "hochberg": count + 1.0 - rank,
        "bh": count / rank,
        "by": count / rank * (1 / rank).sum(),
    }[method]
    scaled = np.minimum(ranked * factor, 1.0)
    # Step-down procedures go from the smallest up and stop at the first that holds; step-up ones the other way round.
    if method == "holm":
        scaled = np.maximum.accumulate(scaled)
    elif method != "bonferroni":
        scaled = np.minimum.accumulate(scaled[::-1])[::-1]
    out = np.empty(count)
    out[order] = scaled
    return out


def rejected(p_values: AnyArray, method: Method, *, alpha: float = 0.05) -> Bools:
    """Which hypotheses fall at level alpha, (K,)."""
    return adjusted(p_values, method) <= alpha


def e_values_rejected(e_values: AnyArray, *, alpha: float = 0.05) -> Bools:
    """e-BH (Wang and Ramdas 2022): false discovery rate alpha from e-values (K,), under any dependence.

    Rejects the k largest for the greatest k whose k-th largest e-value is at least K / (alpha k).
    """
    e = np.asarray(e_values, dtype=np.float64)
    if e.ndim != 1 or np.isnan(e).any() or (e < 0).any():
        raise UsageError("no e-values", cause="each must be a number of 0 or more", fix="leave out tests without one")
    order = np.argsort(-e, kind="stable")
    holds = np.flatnonzero(e[order] * np.arange(1, len(e) + 1) * alpha >= len(e))
    out = np.zeros(len(e), dtype=bool)
    if len(holds):
        out[order[: holds[-1] + 1]] = True
    return out
