"""Venn-ABERS: isotonic calibration with both labels tried for the object at hand, so that one of the two is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bench.arrays import Float64s
from bench.calibrators.rows import fold_of, one_vs_rest
from bench.components import Calibration, calibrator
from bench.metrics.ordered import ordered
from bench.records import Classification

SOURCE = "Vovk, Petej and Fedorova 2015, Large-scale probabilistic predictors with and without guarantees of validity"
PAPERS = ("Uncertainty quantification for improving radiomic-based models in radiation pneumonitis prediction",)
FOLDS = 5

Fitted = tuple[dict[str, Any], Callable[[Float64s], Float64s]]


class VennAbers(NamedTuple):
    """What a calibration set says at each of its K distinct scores, ascending: p0 and p1 there, each (K,)."""

    scores: Float64s
    p0: Float64s
    p1: Float64s

    def interval(self, scores: Float64s) -> tuple[Float64s, Float64s]:
        """p0 <= p1 for any scores (m,).

        A score between two calibration scores has the p0 of the one below (0 below all of them) and the p1 of the one
        above (1 above all of them): a zero pools downwards, a one upwards.
        """
        below = np.searchsorted(self.scores, scores, "right") - 1
        above = np.searchsorted(self.scores, scores, "left")
        low = np.where(below >= 0, self.p0[np.maximum(below, 0)], 0.0)
        high = np.where(above < len(self.scores), self.p1[np.minimum(above, len(self.scores) - 1)], 1.0)
        return low, high


def venn_abers_fit(scores: Float64s, outcome: Float64s, weights: Float64s | None = None) -> VennAbers:
    """Venn-ABERS at each distinct calibration score.

    p0 and p1 are the isotonic regression's value at an object of that score, added with label 0 and with label 1.

    scores: (n,); outcome: (n,) in {0, 1}; weights: (n,), in units of samples; the added object weighs 1.
    """
    rows = ordered(scores, outcome, np.ones((1, len(scores))) if weights is None else weights[None])
    mass, hits = rows.weight[0], rows.hits[0]
    ones = _added_ones(mass, hits)
    # Upside down, a zero is a one.
    zeros = 1 - _added_ones(mass[::-1], (mass - hits)[::-1])[::-1]
    return VennAbers(rows.confidence, np.clip(zeros, 0.0, 1.0), np.clip(ones, 0.0, 1.0))


def _added_ones(mass: Float64s, hits: Float64s) -> Float64s:
    """The isotonic regression's value at each score, an object of label 1 and weight 1 being added there, (K,).

    It is the slope of the greatest convex minorant of the cumulative diagram where the added object lies: of the
    bridge from the points before it, moved by (-1, -1), to the points after it.  From one score to the next one point
    changes sides, and the bridge only grows steeper, so the corners are kept on a stack: each comes and goes once.
    """
    xs, ys = np.cumsum(mass).tolist(), np.cumsum(hits).tolist()
    stack: list[tuple[float, float]] = []
    for point in zip(reversed(xs), reversed(ys), strict=True):
        _push(stack, point)
    _push(stack, (-1.0, -1.0))
    values = np.empty(len(xs))
    for k, (x, y) in enumerate(zip(xs, ys, strict=True)):
        (ax, ay), (bx, by) = stack[-1], stack[-2]
        values[k] = (by - ay) / (bx - ax)
        moved = (x - 1.0, y - 1.0)
        if k + 1 < len(xs) and (moved[1] - ay) * (bx - ax) < (by - ay) * (moved[0] - ax):
            stack.pop()
            _push(stack, moved)
    return values


def _push(stack: list[tuple[float, float]], point: tuple[float, float]) -> None:
    """Add a point to the left of a convex chain whose leftmost corner is on top; corners above the new edge go."""
    x, y = point
    while len(stack) > 1:
        (ax, ay), (bx, by) = stack[-1], stack[-2]
        # The first edge must be flatter than the second.
        if (ay - y) * (bx - ax) < (by - ay) * (ax - x):
            break
        stack.pop()
    stack.append(point)


def merged(p0: Float64s, p1: Float64s) -> Float64s:
    """The one probability of least regret under log loss: p1 / (1 - p0 + p1)."""
    return p1 / (1 - p0 + p1)


@calibrator(
    "venn-abers",
    of=Classification,
    source=SOURCE,
    default=False,
    papers=PAPERS,
    check="calibration/venn-abers",
)
def venn_abers(record: Classification) -> Calibration:
    """Inductive Venn-ABERS on the log-odds: [p0, p1] by isotonic regression with either label, merged to one number.

    Of p0 and p1 the one of the true label is perfectly calibrated where rows are exchangeable, at any n.  The record
    gets p = p1 / (1 - p0 + p1), never 0 or 1; `VennAbers.interval` gives both.  Two classes: as published.  More: one a
    class against the rest, merged and normalised (the venn-abers package couples pairs of classes instead), for which
    there is no theorem: with few calibration rows a class (some tens) the answers are far underconfident.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:  # noqa: ARG001
        fitted = venn_abers_fit(odds, outcome, weights)
        return _stored(fitted), lambda s: merged(*fitted.interval(s))

    return one_vs_rest(record, fit)


@calibrator(
    "venn-abers-cross",
    of=Classification,
    source=SOURCE,
    default=False,
    papers=PAPERS,
    check="calibration/venn-abers",
)
def venn_abers_cross(record: Classification) -> Calibration:
    """Cross Venn-ABERS: the calibration split in five folds, each a Venn-ABERS of its own, merged by geometric means.

    p = GM(p1) / (GM(1 - p0) + GM(p1)).  The model is the same for all folds, where the paper trains one for each; folds
    go by id, and keep groups together.  It has no theorem, and is steadier than one fold.  Classes as in `venn-abers`.
    """

    def fit(odds: Float64s, outcome: Float64s, weights: Float64s, names: Any) -> Fitted:
        fold = fold_of(names, FOLDS)
        parts = [venn_abers_fit(*(x[fold == k] for x in (odds, outcome, weights))) for k in np.unique(fold)]

        def mapped(s: Float64s) -> Float64s:
            return cross_merged(*(np.stack(p) for p in zip(*(part.interval(s) for part in parts), strict=True)))

        return {"folds": [_stored(part) for part in parts]}, mapped

    return one_vs_rest(record, fit)


def cross_merged(p0: Float64s, p1: Float64s) -> Float64s:
    """One probability from those of K folds, each (K, m): the geometric means' share, 1/2 where both are 0."""
    with np.errstate(divide="ignore"):
        one, zero = (np.exp(np.log(p).mean(axis=0)) for p in (p1, 1 - p0))
    return np.divide(one, one + zero, out=np.full_like(one, 0.5), where=one + zero > 0)


def _stored(fitted: VennAbers) -> dict[str, Any]:
    return {"odds": fitted.scores.tolist(), "p0": fitted.p0.tolist(), "p1": fitted.p1.tolist()}
