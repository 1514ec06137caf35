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
from bench.metrics.ranking import Ranking, ranking
from bench.metrics.sums import Sums, sums
from bench.records.detection import Detection

PLACES = 128  # thresholds by which the spread of the least error is found


@latest
def _ranking(record: Detection) -> Ranking:
    """Runs of one class merged: all that a threshold within a run could change is its own class's share."""
    return ranking(record.scores, _positive(record), merge_hits=True, merge_misses=True)


@latest
def _totals(record: Detection, w: Float64s) -> tuple[Float64s, Float64s]:
    """Weight of positives and of negatives, each (B, 1)."""
    if w.strides[1] == 0 and len(record):  # all rows weigh the same
        found, every = w[:, :1] * int(record.positive.sum()), w[:, :1] * len(record)
        return found, every - found
    found = w @ record.positive.astype(np.float64)[:, None]
    return found, w @ (~record.positive).astype(np.float64)[:, None]


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
    area = found = wrong = np.zeros(len(w))
    for r in _ranking(record).blocks(w):
        area = area + ((r.found - r.hits / 2) * r.misses).sum(axis=1)
        found, wrong = r.found[:, -1], r.wrong[:, -1]
    with np.errstate(invalid="ignore"):
        return area / (found * wrong)


@latest
def _finding(record: Detection) -> Ranking:
    return ranking(record.scores, _positive(record), merge_misses=True)


@latest
def _finding_negatives(record: Detection) -> Ranking:
    return ranking(-record.scores, ~_positive(record), merge_misses=True)


def _average_precision(order: Ranking, w: Float64s) -> Float64s:
    area = found = wrong = np.zeros(len(w))
    for r in order.blocks(w):
        precision = r.found.T[r.holds]  # elsewhere nothing is found
        every = precision + r.wrong.T[r.holds]
        # Nothing is found before the first row of weight above 0, and of nothing no share is right.
        np.divide(precision, every, out=precision, where=every > 0)
        area = area + np.einsum("kb,kb->b", r.hits.T[r.holds], precision)
        found, wrong = r.found[:, -1], r.wrong[:, -1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(wrong > 0, area / found, np.nan)


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


def _few(recall: float, total: Float64s) -> Float64s:
    """`recall` of a total, less a crumb: 0.95 of 20 is 19, however the sum was rounded."""
    return recall * total * (1 - 1e-12)


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
    total, _ = _totals(record, w)
    least, taken, wrong = _few(recall, total), np.full(len(w), np.nan), np.zeros(len(w))
    for r in _ranking(record).blocks(w):
        at = (r.found < least).sum(axis=1)
        here = np.isnan(taken) & (at < r.found.shape[1])
        taken[here] = r.wrong[here, at[here]]
        wrong = r.wrong[:, -1]
    with np.errstate(invalid="ignore"):
        return np.where(total[:, 0] > 0, taken / wrong, np.nan)


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
    found, wrong = _totals(record, w)
    least, taken = _few(recall, wrong), np.full(len(w), np.nan)
    for r in _ranking(record).blocks(w):
        # At this score and below lies what does not lie above; the lowest threshold is the last that takes enough.
        at = (wrong - (r.wrong - r.misses) >= least).sum(axis=1) - 1
        here = at >= 0
        taken[here] = (found - (r.found - r.hits))[here, at[here]]
    with np.errstate(invalid="ignore"):
        return np.where(wrong[:, 0] > 0, np.maximum(taken, 0) / found[:, 0], np.nan)


@latest
def _thresholds(record: Detection) -> Sums:
    """Positives and negatives from each of 128 thresholds at most down to the next."""
    order = _ranking(record)
    step = order.step
    places = np.unique(np.linspace(0, step[-1], PLACES).round().astype(np.int64))
    of_part = np.searchsorted(places, step)
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
    found, wrong = _totals(record, w)
    least = np.full(len(w), 0.5)
    with np.errstate(invalid="ignore"):
        for r in _ranking(record).blocks(w):
            least = np.minimum(least, ((1 - r.found / found + r.wrong / wrong) / 2).min(axis=1))
    return np.maximum(least, 0)
