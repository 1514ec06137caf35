"""What each row adds to a statistic: the common ground of paired tests, max-T and rank sets.

Contributions psi (n,) are such that estimate - truth is about their sum, were they drawn anew: they sum to 0, and
`cr1(psi, design)` is the standard error.  Only their totals over clusters carry meaning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import Metric, PerSample
from bench.errors import UsageError
from bench.seeds import generator
from bench.stats.bootstrap import FOLDS, Weighted, jackknife
from bench.stats.design import Design
from bench.stats.means import Link, cr1, linked


@dataclass(frozen=True, eq=False)
class Influence:
    """A statistic and the contribution of each row, (n,); zero where the weight is zero."""

    value: float
    contributions: Float64s

    def error(self, d: Design) -> float:
        """Standard error by CR1 on the clusters; NaN for fewer than two clusters."""
        return cr1(self.contributions, d) if d.groups > 1 else math.nan

    def totals(self, d: Design) -> Float64s:
        """Sum of the contributions of each cluster, (groups,)."""
        return d.totals(self.contributions)


def of_mean(values: Float64s, d: Design) -> Influence:
    """The weighted mean of values (n,): w (v - mean) / sum w."""
    return of_ratio(values, np.ones(len(d)), d)


def of_ratio(values: Float64s, denominators: Float64s, d: Design, *, link: Link = "identity") -> Influence:
    """`link(sum w v / sum w d)` linearised: link'(R) * w (v - R d) / sum w d.  Rows of weight 0 may hold anything."""
    used = d.weights > 0
    v, size = np.where(used, values, 0.0), np.where(used, denominators, 0.0)
    total = float(d.weights @ size)
    if total == 0:
        raise UsageError("a ratio over nothing", cause="the denominators sum to 0", fix="give samples that count")
    ratio = float(d.weights @ v) / total
    value = linked(ratio, link)
    slope = {"identity": 1.0, "exp": value, "sqrt": 0.5 / value if value > 0 else math.nan}[link]
    return Influence(value, slope * d.weights * (v - ratio * size) / total)


def of_auroc(scores: Float64s, positive: Bools, d: Design) -> Influence:
    """AUROC, ties half, by placements (DeLong, DeLong and Clarke-Pearson 1988; with clusters Obuchowski 1997).

    scores: (n,), higher for positives.  A positive contributes its weighted share of negatives below it, less the
    AUROC, over the weight of positives; a negative the same the other way round.  Both classes must be there.
    """
    above, below, value = placements(scores, positive, d.weights)
    w1, w0 = float(d.weights[positive].sum()), float(d.weights[~positive].sum())
    psi = np.zeros(len(d))
    psi[positive] = d.weights[positive] * (above - value) / w1
    psi[~positive] = d.weights[~positive] * (below - value) / w0
    return Influence(value, psi)


def placements(scores: Float64s, positive: Bools, weights: Float64s) -> tuple[Float64s, Float64s, float]:
    """Share of negatives below each positive, share of positives above each negative (ties half), and the AUROC."""
    w1, w0 = weights[positive], weights[~positive]
    if w1.sum() == 0 or w0.sum() == 0:
        raise UsageError("AUROC of one class", cause="it compares positives with negatives", fix="give both classes")
    above = _share_below(scores[positive], scores[~positive], w0)
    below = 1 - _share_below(scores[~positive], scores[positive], w1)
    return above, below, float(w1 @ above / w1.sum())


def of_weighted(function: Weighted, d: Design) -> Influence:
    """Any smooth statistic of weights (B, n) -> (B,), by leaving out each cluster in turn (Tukey 1958).

    A cluster's contribution, (G - 1) / G * (mean of the left-out values - its own), stands on its first row.  The work
    is n times the clusters: `coarse` designs keep it small, for every statistic that it is to be compared with.
    """
    value = float(function(d.weights[None])[0])
    left_out = jackknife(function, d, seed=0, folds=d.groups)
    if not (np.isfinite(left_out).all() and math.isfinite(value)):
        raise UsageError(
            "the statistic is undefined on a part of the sample",
            cause="nothing, or one class only, is left when a cluster is taken away",
            fix="give more samples",
        )
    psi = np.zeros(len(d))
    used = np.flatnonzero(d.weights > 0)
    _, first = np.unique(d.codes[used], return_index=True)
    psi[used[first]] = (d.groups - 1) / d.groups * (left_out.mean() - left_out)
    return Influence(value, psi)


def coarse(d: Design, *, seed: int, folds: int = FOLDS) -> Design:
    """The design with its clusters put together at random, `folds` at most: still independent, and cheap to leave out.

    Statistics that share it stay paired; a test on it has at most folds - 1 degrees of freedom.
    """
    if d.groups <= folds:
        return d
    fold = generator(seed, "coarse").permutation(d.groups) % folds
    codes = np.where(d.weights > 0, fold[d.codes], 0)
    return replace(d, cluster=codes, groups=folds, plain=False)


def of_metric(metric: Metric, record: Any, d: Design) -> Influence:
    """Any metric of any record: linearised for means and ratios, placements for AUROC, else the jackknife.

    Raises what the metric raises, and `UsageError` where it has no finite value on the record or a part of it.
    """
    if not metric.weighted:
        measured: PerSample = metric.function(record)
        denominators = np.ones(len(d)) if measured.denominators is None else measured.denominators
        return of_ratio(measured.values, denominators, d, link=measured.link)
    if metric.name == "auroc":
        return of_auroc(np.asarray(record.scores, dtype=np.float64), np.asarray(record.positive, dtype=bool), d)
    return of_weighted(lambda w: metric.function(record, w), d)


def _share_below(at: Float64s, others: Float64s, weights: Float64s) -> Float64s:
    order = np.argsort(others, kind="stable")
    ranked = others[order]
    mass = np.concatenate([[0.0], np.cumsum(weights[order])])
    low, high = mass[np.searchsorted(ranked, at, "left")], mass[np.searchsorted(ranked, at, "right")]
    return (low + high) / (2 * mass[-1])


def stacked(influences: list[Influence], d: Design) -> tuple[Float64s, Float64s]:
    """Values (K,) and cluster totals (groups, K) of statistics of one design, for max-T and rank sets."""
    values = np.array([i.value for i in influences], dtype=np.float64)
    return values, np.stack([i.totals(d) for i in influences], axis=1)
