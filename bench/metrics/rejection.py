"""How well a score of uncertainty serves: rejecting wrong answers, deferring them, and saying how likely they are.

Every metric takes scores held against wrong answers (`Errors`), the higher the more uncertain.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.latest import latest
from bench.metrics.judged import scaled
from bench.metrics.ranking import Ranking, ranking
from bench.metrics.selective import best_area, risk_area
from bench.metrics.spread import bins_of
from bench.records.detection import Chances, Errors
from bench.results import Interval
from bench.stats.design import Design
from bench.stats.orderings import order_ends

BINS = 10
_CASCADES = "Language Model Cascades: Token-level uncertainty and beyond"


@latest
def _ranking(record: Errors) -> Ranking:
    """The most certain first; hits are errors."""
    if record.positive.all() or not record.positive.any():
        raise NotApplicable(f"one class only: {int(record.positive.sum())} of {len(record)} answers are wrong")
    return ranking(-record.scores, record.positive, merge_hits=True, merge_misses=True)


@metric(
    "prr",
    of=Errors,
    area="uncertainty",
    better="higher",
    range=(None, 1),
    source="Malinin and Gales 2021; Fadeeva et al. 2023, LM-Polygraph",
    check="uncertainty/rejection",
)
def prr(record: Errors, w: Float64s) -> Float64s:
    """Prediction rejection ratio: what rejecting by the score gains over chance, of what the best order gains.  (B,).

    (random - area) / (random - best) for areas under the risk-coverage curve, over all coverages; 1 is the best order,
    0 chance.  Answers of equal score are taken in random order, by expectation, so the order of the file is nothing.
    LM-Polygraph sorts them as they come, and lately stops at half of the answers, which gives other numbers.
    """
    counts = scaled(record, w)
    right, wrong = counts @ ~record.positive, counts @ record.positive
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = wrong / (right + wrong)
        return (chance - risk_area(_ranking(record).weigh(counts))) / (chance - best_area(right, wrong))


def _order_ends(record: Errors, d: Design, bins: int = BINS) -> Interval:
    place = bins_of(record.scores, d.weights[None], bins)[0].astype(np.int64)
    return order_ends(place, (~record.positive).astype(np.float64), d)


@metric(
    "rank-calibration-error",
    of=Errors,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    biased=True,
    ends=_order_ends,
    source="Huang et al. 2024, arXiv:2404.03163 (Rank-Calibration)",
    check="uncertainty/rejection",
)
def rank_calibration_error(record: Errors, w: Float64s, bins: int = BINS) -> Float64s:
    """Mean over bins by score of |share of other bins at least as often right - share of others at most as unsure|.

    0 where higher scores are always less often right, whatever unit scores have.  Bins hold equal mass; rows of one
    score stay together.  Biased upwards: noise puts bins of like accuracy out of order.
    """
    place = bins_of(record.scores, w, bins)
    mass, right = (np.stack([(w * x * (place == k)).sum(axis=1) for k in range(bins)], axis=1) for x in _ones(record))
    filled = mass > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(filled, right / mass, np.nan)
        # Bins rise with the score, so those at most as unsure are those before.
        better = np.stack([(rate >= rate[:, k : k + 1]).sum(axis=1) - 1 for k in range(bins)], axis=1)
        before = np.cumsum(filled, axis=1) - 1
        others = filled.sum(axis=1, keepdims=True) - 1
        gaps = np.where(filled, np.abs(better - before) / others, 0.0)
        return np.where(others[:, 0] > 0, gaps.sum(axis=1) / (others[:, 0] + 1), np.nan)


def _ones(record: Errors) -> tuple[Float64s, Float64s]:
    return np.ones(len(record)), (~record.positive).astype(np.float64)


@metric(
    "error-brier",
    of=Chances,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    source="Brier 1950, of the chance of being wrong",
    check="uncertainty/rejection",
)
def error_brier(record: Chances) -> PerSample:
    """Mean squared distance of a score that is a probability of being wrong from whether the answer was."""
    return per_sample((record.scores - record.positive) ** 2)


@metric(
    "error-bias",
    of=Chances,
    area="uncertainty",
    better="none",
    range=(-1, 1),
    source="calibration in the large, of the chance of being wrong",
    check="uncertainty/rejection",
)
def error_bias(record: Chances) -> PerSample:
    """Mean of a score that is a probability of being wrong, less the share of wrong answers: above 0, too unsure."""
    return per_sample(record.scores - record.positive)


@metric(
    "length-bias",
    of=Errors,
    area="uncertainty",
    better="none",
    range=(-1, 1),
    source="Gupta et al. 2024, arXiv:2404.10136 (length bias of Chow-Sum)",
    papers=(_CASCADES,),
    check="uncertainty/deferral-curve",
)
def length_bias(record: Errors, w: Float64s) -> Float64s:
    """Correlation of the score's ranks with those of the answers' lengths in tokens (Spearman's), (B,).

    Far from 0, rejecting by the score rejects by length.  Rows of one value share the middle of their ranks.
    """
    if record.tokens is None or len(np.unique(record.tokens)) < 2 or len(np.unique(record.scores)) < 2:
        raise NotApplicable("lengths are not known, or all lengths or all scores are equal")
    x, y = _ranks(record.scores, w), _ranks(record.tokens, w)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = (w * x**2).sum(axis=1) * (w * y**2).sum(axis=1)
        return np.clip((w * x * y).sum(axis=1) / np.sqrt(spread), -1.0, 1.0)


def _ranks(values: Float64s, w: Float64s) -> Float64s:
    """Middle rank of each row as a share of the weight, less the mean of all, (B, n)."""
    _, code = np.unique(values, return_inverse=True)
    order = np.argsort(code, kind="stable")
    mass = np.add.reduceat(w[:, order], np.searchsorted(code[order], np.arange(code.max() + 1)), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # The weighted mean of middle ranks is always one half.
        return ((np.cumsum(mass, axis=1) - mass / 2) / mass.sum(axis=1, keepdims=True))[:, code] - 0.5


@latest
def _deferral(record: Errors) -> Ranking:
    """The least certain first; which rows are hits is of no matter here."""
    return ranking(record.scores, np.ones(len(record), dtype=bool))


@metric(
    "deferral-area",
    of=Errors,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    source="Gupta et al. 2024, arXiv:2404.10136 (area under the deferral curve)",
    papers=(_CASCADES,),
    check="uncertainty/deferral-curve",
)
def deferral_area(record: Errors, w: Float64s) -> Float64s:
    """Share of right answers where the most uncertain share f goes to the other model, mean over f of [0, 1].  (B,).

    By trapezoid between rows; rows of equal score go in random order, by expectation.  A score of no use gives the mean
    of both models' accuracies.
    """
    own, gain, below = _deferring(record, w)
    return (w @ own) / w.sum(axis=1) + (below * gain).sum(axis=1)


@metric(
    "deferral-gain",
    of=Errors,
    area="uncertainty",
    better="higher",
    range=(-1, 1),
    source="Gupta et al. 2024, arXiv:2404.10136 (over random deferral)",
    papers=(_CASCADES,),
    check="uncertainty/deferral-curve",
)
def deferral_gain(record: Errors, w: Float64s) -> Float64s:
    """`deferral-area` less that of deferring at random, which is a straight line between the two models.  (B,)."""
    _, gain, below = _deferring(record, w)
    return ((below - 0.5) * gain).sum(axis=1)


def _deferring(record: Errors, w: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """Own hits (n,); of each step of score, (B, K): what deferring it adds to accuracy, and for which shares it is."""
    if record.deferred is None:
        raise NotApplicable("the record does not say what the other model answers ('deferred')")
    own = (~record.positive).astype(np.float64)
    order = _deferral(record)
    mass = order.weigh(w).hits
    each = order.weigh(w * (record.deferred - own)).hits
    total = mass.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (np.cumsum(mass, axis=1) - mass / 2) / total
        return own, each / total, 1 - above


def deferral_curve(record: Errors) -> tuple[Float64s, Float64s]:
    """Shares deferred and the share of right answers there, (K + 1,) each, from the record's weights."""
    w = (np.ones(len(record)) if record.weights is None else record.weights)[None]
    own, gain, _ = _deferring(record, w)
    mass = _deferral(record).weigh(w).hits
    share = np.concatenate([[0.0], np.cumsum(mass[0]) / mass.sum()])
    return share, float((w[0] @ own) / w.sum()) + np.concatenate([[0.0], np.cumsum(gain[0])])
