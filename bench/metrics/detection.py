"""How well a score tells positives (out of distribution, or wrong) from negatives.

Every metric takes scores of which the higher is the more positive, weighs rows by w (B, n), returns (B,), and is NaN
for a weighting that leaves one class only.  A record of one class only raises `NotApplicable`.  Thresholds lie at
observed scores, so tied rows are always taken together.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import NotApplicable, metric
from bench.latest import latest
from bench.metrics.ranking import Ranked, Ranking, ranking
from bench.metrics.sums import Sums, sums
from bench.records.detection import Detection

PLACES = 128  # thresholds by which the spread of the least error is found


@latest
def _ranking(record: Detection) -> Ranking:
    """Runs of one class merged: all that a threshold within a run could change is its own class's share."""
    return ranking(record.scores, _positive(record), merge_hits=True, merge_misses=True)


@latest
def _ranked(record: Detection, w: Float64s) -> Ranked:
    return _ranking(record).weigh(w)


def _positive(record: Detection) -> Bools:
    count = int(record.positive.sum())
    if count in {0, len(record)}:
        raise NotApplicable(f"one class only: {count} of {len(record)} samples are positive")
    return record.positive


@metric(
    "auroc",
    of=Detection,
    area="ood",
    better="higher",
    range=(0, 1),
    gathers=True,
    source="Hanley and McNeil 1982; Mann and Whitney 1947",
    check="metrics/auroc-two-gaussians",
)
def auroc(record: Detection, w: Float64s) -> Float64s:
    """Probability that a positive scores above a negative, ties counting one half: the area under the ROC curve.

    Works on any real scores; they are ranked, never squashed into [0, 1].
    """
    r = _ranked(record, w)
    with np.errstate(invalid="ignore"):
        return ((r.found - r.hits / 2) * r.misses).sum(axis=1) / (r.found[:, -1] * r.wrong[:, -1])


@latest
def _finding(record: Detection) -> Ranking:
    return ranking(record.scores, _positive(record), merge_misses=True)


@latest
def _finding_negatives(record: Detection) -> Ranking:
    return ranking(-record.scores, ~_positive(record), merge_misses=True)


def _average_precision(order: Ranking, w: Float64s) -> Float64s:
    r = order.weigh(w)
    at = order.step[order.hit]  # elsewhere nothing is found
    found = r.found.T[at]
    precision = found + r.wrong.T[at]
    with np.errstate(invalid="ignore", divide="ignore"):
        # Nothing is found before the first row of weight above 0, and of nothing no share is right.
        np.divide(found, precision, out=precision, where=precision > 0)
        value = np.einsum("kb,kb->b", r.hits.T[at], precision) / found[-1]
        return np.where(r.wrong[:, -1] > 0, value, np.nan)


@metric(
    "aupr-out",
    of=Detection,
    area="ood",
    better="higher",
    range=(0, 1),
    gathers=True,
    source="average precision (Davis and Goadrich 2006); Hendrycks and Gimpel 2017 for the two directions",
    check="metrics/constant-score",
)
def aupr_out(record: Detection, w: Float64s) -> Float64s:
    """Average precision with positives (OOD) as the class to find: sum of (change in recall) x precision.

    Not the trapezoid, which credits a constant score with about one half; a constant score gets the share of positives.
    """
    return _average_precision(_finding(record), w)


@metric(
    "aupr-in",
    of=Detection,
    area="ood",
    better="higher",
    range=(0, 1),
    gathers=True,
    source="average precision (Davis and Goadrich 2006); Hendrycks and Gimpel 2017 for the two directions",
    check="metrics/constant-score",
)
def aupr_in(record: Detection, w: Float64s) -> Float64s:
    """Average precision with negatives (in distribution) as the class to find, lowest scores first."""
    return _average_precision(_finding_negatives(record), w)


def _false_at(recall: float, found: Float64s, wrong: Float64s) -> Float64s:
    """Share of `wrong` taken by the first threshold that takes at least `recall` of `found`; sums so far, (B, K)."""
    # Less a crumb: 0.95 of 20 is 19, however the sum was rounded.
    at = (found < recall * found[:, -1:] * (1 - 1e-12)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        share = wrong[np.arange(len(at)), np.minimum(at, found.shape[1] - 1)] / wrong[:, -1]
    return np.where(found[:, -1] > 0, share, np.nan)


@metric(
    "fpr95-ood",
    of=Detection,
    area="ood",
    better="lower",
    range=(0, 1),
    gathers=True,
    source="Yang et al. 2022, OpenOOD (OOD as the positive class)",
    check="metrics/fpr95-two-gaussians",
)
def fpr95_ood(record: Detection, w: Float64s, recall: float = 0.95) -> Float64s:
    """Share of in-distribution samples flagged at the first observed threshold that flags at least 95 % of the OOD.

    The definition of OpenOOD and pytorch-ood.  The other one is `fpr95-id`; the two differ widely on the same scores.

    A quantile of few positives: with 30 of them 95 % intervals hold the truth in about 90 % of cases.
    """
    r = _ranked(record, w)
    return _false_at(recall, r.found, r.wrong)


@metric(
    "fpr95-id",
    of=Detection,
    area="ood",
    better="lower",
    range=(0, 1),
    gathers=True,
    source="Liang et al. 2018, ODIN; Liu et al. 2020, Energy-based OOD Detection (in-distribution as positive)",
    check="metrics/fpr95-two-gaussians",
)
def fpr95_id(record: Detection, w: Float64s, recall: float = 0.95) -> Float64s:
    """Share of OOD samples accepted at the first observed threshold that accepts at least 95 % of in-distribution ones.

    The definition of the ODIN and energy papers.  The other one is `fpr95-ood`.
    """
    r = _ranked(record, w)
    return _false_at(recall, np.cumsum(r.misses[:, ::-1], axis=1), np.cumsum(r.hits[:, ::-1], axis=1))


@latest
def _thresholds(record: Detection) -> Sums:
    """Positives and negatives from each of 128 thresholds at most down to the next."""
    order = _ranking(record)
    steps = int(order.step[-1]) + 1
    places = np.unique(np.linspace(0, steps - 1, PLACES).round().astype(np.int64))
    of_part = np.searchsorted(places, order.step)
    cell = np.empty(len(order.rows), dtype=np.int64)
    cell[order.rows] = np.repeat(of_part, np.diff(order.starts, append=len(order.rows)))
    positive = record.positive.astype(np.float64)
    return sums(cell, len(places), positive, 1 - positive)


def _error_rates(record: Detection, w: Float64s) -> Float64s:
    """Mean of the two error rates at each of the thresholds, (B, K)."""
    found, wrong = (np.cumsum(each, axis=1) for each in _thresholds(record)(w))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (1 - found / found[:, -1:] + wrong / wrong[:, -1:]) / 2


@metric(
    "detection-error",
    of=Detection,
    area="ood",
    better="lower",
    range=(0, 0.5),
    biased=True,
    gathers=True,
    norm="trough",
    gaps=_error_rates,
    source="Liang et al. 2018, ODIN",
    check="metrics/constant-score",
)
def detection_error(record: Detection, w: Float64s) -> Float64s:
    """Least mean of the two error rates over all thresholds: min of (1 - TPR + FPR) / 2; 0.5 for a useless score.

    The threshold is chosen on the samples that it is judged on, so it is biased downwards.
    """
    r = _ranked(record, w)
    with np.errstate(invalid="ignore"):
        rates = (1 - r.found / r.found[:, -1:] + r.wrong / r.wrong[:, -1:]) / 2
    return np.minimum(rates.min(axis=1), 0.5)
