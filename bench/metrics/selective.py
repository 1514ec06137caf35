"""Selective prediction: the error that remains when the least confident answers are withheld.

Rows of equal confidence are taken in random order, and the metric is the expectation over that order, so that the
order of the file changes nothing.  Weights w (B, n); returns (B,).
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.judged import judged, scaled
from bench.metrics.ranking import Ranked, Ranking, ranking
from bench.records import Judged


@latest
def _ranking(record: Judged) -> Ranking:
    """The most confident first.  Hits are errors; runs of errors, and of right answers, are merged.

    Within a run of right answers the errors so far stay E, within one of errors the right answers so far; either way
    the areas below take a run as they take its rows one after the other.
    """
    confidence, correct = judged(record)
    return ranking(confidence, ~correct, merge_hits=True, merge_misses=True)


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
    return risk_area(_errors(record, w))


def risk_area(r: Ranked) -> Float64s:
    """Mean over k of the expected error rate among the k rows that rank first, (B,); hits are errors (see `aurc`)."""
    from scipy.special import psi

    mass = r.hits + r.misses
    after = r.found + r.wrong
    before = after - mass
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(mass > 0, r.hits / mass, 0.0)
        # Where one step ends the next begins, so each end is looked up once.
        ends = psi(np.concatenate([np.zeros((len(after), 1)), after], axis=1) + 1)
        area = r.hits + (r.found - r.hits - before * share) * np.diff(ends, axis=1)
        return area.sum(axis=1) / after[:, -1]


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
    return np.maximum(aurc(record, w) - best_area(counts @ correct, counts @ ~correct), 0.0)


def best_area(right: Float64s, wrong: Float64s) -> Float64s:
    """`risk_area` of the best order at so many right and wrong rows, (B,) each: all right ones first."""
    from scipy.special import psi

    with np.errstate(invalid="ignore"):
        return (wrong - right * (psi(right + wrong + 1) - psi(right + 1))) / (right + wrong)


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
    mass = r.hits + r.misses
    with np.errstate(invalid="ignore"):
        return ((r.found - r.hits / 2) * mass).sum(axis=1) / mass.sum(axis=1) ** 2


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
    mass = r.hits + r.misses
    after = r.found + r.wrong
    budget = coverage * after[:, -1:]
    taken = np.clip(budget - (after - mass), 0.0, mass)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(mass > 0, taken / mass, 0.0)
        return (share * r.hits).sum(axis=1) / budget[:, 0]
