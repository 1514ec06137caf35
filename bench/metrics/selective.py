"""Selective prediction: the error that remains when the least confident answers are withheld.

Rows of equal confidence are taken in random order, and the metric is the expectation over that order, so that the
order of the file changes nothing.  Weights w (B, n); returns (B,).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import frozen, latest
from bench.metrics.judged import judged, scaled
from bench.metrics.ranking import Ranked, Ranking, ranking
from bench.records import Judged
from bench.results import Interval
from bench.stats.crossings import acceptance_ends
from bench.stats.design import Design

STEPS = 1 << 16


def digamma(x: Float64s) -> Float64s:
    """The digamma function of x >= 1; beyond 32 by its asymptotic series, to 1e-15 and three times as fast."""
    from scipy.special import psi

    inverse = 1 / x
    square = inverse * inverse
    value = np.log(x) - inverse / 2 - square * (1 / 12 - square * (1 / 120 - square / 252))
    small = x < 32
    value[small] = psi(x[small])
    return value


@latest
def _ranking(record: Judged) -> Ranking:
    """The most confident first.  Hits are errors; runs of errors, and of right answers, are merged.

    Within a run of right answers the errors so far stay E, within one of errors the right answers so far; either way
    the areas below take a run as they take its rows one after the other.
    """
    confidence, correct = judged(record)
    return ranking(confidence, ~correct, merge_hits=True, merge_misses=True)


def _steps(r: Ranked) -> Iterator[slice]:
    """The steps some at a time: of 20 million rows each column of numbers beside them would take 160 MB."""
    return (slice(start, start + STEPS) for start in range(0, r.hits.shape[1], STEPS))


@latest
def _errors(record: Judged, w: Float64s) -> Ranked:
    return _ranking(record).weigh(scaled(record, w))


@metric(
    "aurc",
    of=Judged,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    gathers=True,
    source="Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks",
    check="metrics/random-confidence",
)
def aurc(record: Judged, w: Float64s) -> Float64s:
    """Area under the risk-coverage curve: the mean over k = 1 .. n of the error rate among the k most confident.

    Within m tied rows after weight A with errors E, of which share e are errors, the expected errors among the first j
    are E + j e, so the ties add sum_j (E + j e) / (A + j) = m e + (E - A e) (psi(A + m + 1) - psi(A + 1)): no order is
    drawn.  A weight of 2 is two rows; the record's own weights count relative to their mean.  Its floor is above 0
    wherever there are errors: see `e-aurc` and `augrc`.
    """
    return _area(record, w)


@latest
def _area(record: Judged, w: Float64s) -> Float64s:
    return frozen(risk_area(_errors(record, w)))


def risk_area(r: Ranked) -> Float64s:
    """Mean over k of the expected error rate among the k rows that rank first, (B,); hits are errors (see `aurc`)."""
    area = np.zeros(len(r.hits))
    with np.errstate(invalid="ignore", divide="ignore"):
        for s in _steps(r):
            hits, after = r.hits[:, s], r.found[:, s] + r.wrong[:, s]
            mass = hits + r.misses[:, s]
            before = after - mass
            share = np.where(mass > 0, hits / mass, 0.0)
            # Where one step ends the next begins, so each end is looked up once.
            ends = digamma(np.concatenate([before[:, :1], after], axis=1) + 1)
            area += (hits + (r.found[:, s] - hits - before * share) * np.diff(ends, axis=1)).sum(axis=1)
        return area / (r.found[:, -1] + r.wrong[:, -1])


@metric(
    "e-aurc",
    of=Judged,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    default=False,
    gathers=True,
    source="Geifman, Uziel and El-Yaniv 2019, Bias-Reduced Uncertainty Estimation",
    check="metrics/random-confidence",
)
def e_aurc(record: Judged, w: Float64s) -> Float64s:
    """`aurc` less that of the best order (all right answers first) at the same accuracy: what the ranking costs.

    The best area is taken in the same finite form: with C right and E wrong, (E - C (psi(C + E + 1) - psi(C + 1))) / n.
    """
    _, correct = judged(record)
    counts = scaled(record, w)
    return np.maximum(_area(record, w) - best_area(counts @ correct, counts @ ~correct), 0.0)


def best_area(right: Float64s, wrong: Float64s) -> Float64s:
    """`risk_area` of the best order at so many right and wrong rows, (B,) each: all right ones first."""
    with np.errstate(invalid="ignore"):
        return (wrong - right * (digamma(right + wrong + 1) - digamma(right + 1))) / (right + wrong)


@metric(
    "augrc",
    of=Judged,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    gathers=True,
    source="Traub et al. 2024, Overcoming Common Flaws in the Evaluation of Selective Classification Systems",
    check="metrics/random-confidence",
)
def augrc(record: Judged, w: Float64s) -> Float64s:
    """Area under the generalised risk-coverage curve: of (errors among the accepted) / n over coverage, by trapezoid.

    Equal to (1 - AUROC) a e + e^2 / 2 with accuracy a, error rate e and the AUROC of confidence for being right.
    """
    r = _errors(record, w)
    area = np.zeros(len(w))
    for s in _steps(r):
        area += ((r.found[:, s] - r.hits[:, s] / 2) * (r.hits[:, s] + r.misses[:, s])).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return area / (r.found[:, -1] + r.wrong[:, -1]) ** 2


@metric(
    "risk-at-80",
    of=Judged,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    gathers=True,
    source="Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks",
    check="metrics/random-confidence",
)
def risk_at_80(record: Judged, w: Float64s, coverage: float = 0.8) -> Float64s:
    """Error rate among the 80 % most confident answers, or another share (`coverage`).

    The row at the border counts by the part that is needed.  w: (B, n); returns (B,).
    """
    r = _errors(record, w)
    budget = coverage * (r.found[:, -1:] + r.wrong[:, -1:])
    taken = np.zeros(len(w))
    with np.errstate(invalid="ignore", divide="ignore"):
        for s in _steps(r):
            mass = r.hits[:, s] + r.misses[:, s]
            room = np.clip(budget - (r.found[:, s] + r.wrong[:, s] - mass), 0.0, mass)
            taken += (np.where(mass > 0, room / mass, 0.0) * r.hits[:, s]).sum(axis=1)
        return taken / budget[:, 0]


@latest
def _accepting(record: Judged) -> Ranking:
    """As `_ranking`, runs of errors apart: a threshold may lie within one."""
    confidence, correct = judged(record)
    return ranking(confidence, ~correct, merge_misses=True)


def _acceptance(record: Judged, d: Design, risk: float = 0.05) -> Interval:
    confidence, correct = judged(record)
    return acceptance_ends(confidence, ~correct, risk, d)


@metric(
    "coverage-at-5",
    of=Judged,
    area="uncertainty",
    better="higher",
    range=(0, 1),
    biased=True,
    default=False,
    ends=_acceptance,
    source="Geifman and El-Yaniv 2017, Selective Classification for Deep Neural Networks (coverage at a risk)",
    check="uncertainty/coverage-at-risk",
)
def coverage_at_5(record: Judged, w: Float64s, risk: float = 0.05) -> Float64s:
    """The largest share of answers that a threshold on confidence accepts at an error rate of at most 5 % (`risk`).

    Thresholds lie at observed confidences, so ties are accepted together; 0 where none will do.  The threshold is
    chosen on the answers that it is judged on, so it is biased upwards, and as uncertain as the curve is flat there.
    w: (B, n); returns (B,).
    """
    r = _accepting(record).weigh(w)
    most = np.zeros(len(w))
    for s in _steps(r):
        after = r.found[:, s] + r.wrong[:, s]
        # Less a crumb: one error of twenty is 5 %, however it was rounded.
        most = np.maximum(most, np.where(r.found[:, s] <= risk * after * (1 + 1e-12), after, 0.0).max(axis=1))
    with np.errstate(invalid="ignore"):
        return most / (r.found[:, -1] + r.wrong[:, -1])


@metric(
    "prr-confidence",
    of=Judged,
    area="uncertainty",
    better="higher",
    range=(None, 1),
    default=False,
    gathers=True,
    source="Malinin et al. 2017, Incorporating Uncertainty into Deep Learning; LM-Polygraph (the areas)",
    check="uncertainty/rejection-ratio",
)
def prr_confidence(record: Judged, w: Float64s, rejection: float = 0.5) -> Float64s:
    """Prediction-rejection ratio: how much of what the best order could gain by rejecting answers this one gains.

    (random - area) / (random - best): areas are the mean error rate among the k most confident over k from
    (1 - rejection) n to n, as in LM-Polygraph, whose half is the default; at random it is the error rate.  1 for the
    best order, 0 for a random one, below 0 for a worse one; it depends on `rejection`, and only at equal error rates do
    two compare.  (With errors over n, all answers kept in the denominator, and rejection 1, it is 2 AUROC - 1.)  Ties
    are taken in expectation, as by `aurc`.  Undefined where all answers are right, or all wrong.  Biased by the order
    1 / n, a ratio of means.  w: (B, n); returns (B,).
    """
    r = _errors(record, w)
    wrong, right = r.found[:, -1], r.wrong[:, -1]
    total = wrong + right
    cut = (1 - rejection) * total
    area = np.zeros(len(w))
    with np.errstate(invalid="ignore", divide="ignore"):
        for s in _steps(r):
            hits, after = r.hits[:, s], r.found[:, s] + r.wrong[:, s]
            mass = hits + r.misses[:, s]
            before = after - mass
            share = np.where(mass > 0, hits / mass, 0.0)
            slope = r.found[:, s] - hits - before * share
            # What lies before the cut has no length; where one step ends the next begins.
            ends = np.maximum(np.concatenate([before[:, :1], after], axis=1), cut[:, None])
            area += (share * np.diff(ends, axis=1) + slope * np.diff(digamma(ends + 1), axis=1)).sum(axis=1)
        first = np.maximum(cut, right)
        best = total - first - right * (digamma(total + 1) - digamma(first + 1))
        random = wrong / total * (total - cut)
        return np.where((wrong > 0) & (right > 0), (random - area) / (random - best), np.nan)
