"""What a proper score is made of: miscalibration, discrimination and the uncertainty of the outcomes.

CORP: the recalibrated confidence is the isotonic regression of correctness on confidence, so no bins are chosen, and
score = miscalibration - discrimination + uncertainty holds exactly, for every proper score.  Murphy's older one is
`bench.metrics.murphy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.components import metric
from bench.latest import latest
from bench.metrics.gathering import numbered
from bench.metrics.judged import base_weights, judged
from bench.metrics.ordered import Ordered, mass_bins, ordered
from bench.metrics.sums import Sums, sums
from bench.records import Judged
from bench.results import Interval
from bench.stats.design import Design
from bench.stats.norms import Form
from bench.stats.wilson import proportion

CORP = "Dimitriadis, Gneiting and Jordan 2021, Stable reliability diagrams for probabilistic classifiers (CORP)"
MURPHY = "Murphy 1973, A New Vector Partition of the Probability Score"
LN2 = 0.6931471805599453
BINS = 32  # of equal weight, by which the spread of the parts is found: far narrower than isotonic steps are wide
LEAST, ROWS = 5, 20  # bins, and rows in one

Loss = Callable[[Float64s, int], Float64s]  # (probabilities, outcome 0 or 1) -> loss of each, of a proper score


@dataclass(frozen=True, eq=False)
class Decomposition:
    """score = miscalibration - discrimination + uncertainty, each (B,); the first two are at least 0."""

    score: Float64s
    miscalibration: Float64s
    discrimination: Float64s
    uncertainty: Float64s


def brier_loss(p: Float64s, outcome: int) -> Float64s:
    """(p - y)^2."""
    return (p - outcome) ** 2


def log_loss(p: Float64s, outcome: int) -> Float64s:
    """-log of the probability of what happened, nats; infinite where that was 0."""
    with np.errstate(divide="ignore"):
        return -np.log(p if outcome else 1 - p)


def binary_entropy(p: float) -> float:
    """Entropy of an event of probability p, nats."""
    return -sum(x * math.log(x) for x in (p, 1 - p) if x > 0)


def isotonic(rows: Ordered) -> Float64s:
    """The rate of right answers at each distinct confidence by isotonic regression, (B, K), under each weighting.

    At a confidence that has no weight it is that of the one below (of the lowest with weight, at the bottom).
    """
    from scipy.optimize import isotonic_regression

    some = rows.weight > 0
    row = np.nonzero(some)[0]
    weight, hits = rows.weight[some], rows.hits[some]
    fitted = np.full(rows.weight.shape, np.nan)
    if len(row) == 0:
        return fitted
    # All weightings at once: each is lifted above the one before, so that none is pooled with its neighbour.
    blocks = isotonic_regression(hits / weight + 2.0 * row, weights=weight).blocks
    starts = np.asarray(blocks[:-1], dtype=np.int64)
    rates = np.add.reduceat(hits, starts) / np.add.reduceat(weight, starts)
    fitted[some] = np.repeat(rates, np.diff(np.append(starts, len(row))))
    last = np.maximum.accumulate(np.where(some, np.arange(some.shape[1]), -1), axis=1)
    first = some.argmax(axis=1)[:, None]
    return np.take_along_axis(fitted, np.where(last < 0, first, last), axis=1)


def decomposed(loss: Loss, confidence: Float64s, correct: Float64s, w: Float64s) -> Decomposition:
    """The decomposition of the mean of any proper score of the event that an answer is right.

    loss: (p, outcome) -> loss, of a proper score.  confidence: (n,).  correct: (n,), 0 or 1.  w: (B, n).
    """
    return parts(loss, ordered(confidence, correct, w))


def parts(loss: Loss, rows: Ordered) -> Decomposition:
    """The decomposition from the weight and the right answers at each confidence."""
    total = rows.total
    with np.errstate(invalid="ignore"):
        base = rows.hits.sum(axis=1) / total

    def mean(p: Float64s) -> Float64s:
        right, wrong = rows.hits, rows.weight - rows.hits
        with np.errstate(invalid="ignore"):
            # What did not happen adds nothing, however improbable it was: 0 * inf is 0 here.
            lost = np.where(right > 0, right * loss(p, 1), 0.0) + np.where(wrong > 0, wrong * loss(p, 0), 0.0)
            return lost.sum(axis=1) / total

    score = mean(np.broadcast_to(rows.confidence, rows.weight.shape))
    recalibrated = mean(isotonic(rows))
    uncertainty = mean(np.broadcast_to(base[:, None], rows.weight.shape))
    # Rounding may leave -1e-17.
    return Decomposition(
        score, np.maximum(score - recalibrated, 0.0), np.maximum(uncertainty - recalibrated, 0.0), uncertainty
    )


def _of(loss: Loss, record: Judged, w: Float64s) -> Decomposition:
    confidence, correct = judged(record)
    return decomposed(loss, confidence, correct.astype(np.float64), w)


@latest
def _binned(record: Judged) -> tuple[Sums, Float64s, Float64s]:
    """Sums over bins of equal weight, the shares of these, (K,), and their mean confidences, (K,).

    32 of them; of few rows fewer, so that each holds enough for its own noise to be known.
    """
    confidence, correct = judged(record)
    own = np.array(np.broadcast_to(base_weights(record), len(confidence)), dtype=np.float64)
    rows = ordered(confidence, correct, own[None])
    bins = int(np.clip((own > 0).sum() // ROWS, LEAST, BINS))
    place = mass_bins(rows.weight, bins)[0][np.searchsorted(rows.confidence, confidence)]
    _, cell, _ = numbered(place)
    count = int(cell.max(initial=0)) + 1
    of = sums(cell, count, np.ones(len(own)), correct.astype(np.float64), confidence)
    mass, _, mean = (each[0] for each in of(own[None]))
    return of, mass / mass.sum(), mean / mass


def _promised_gaps(record: Judged, w: Float64s) -> Float64s:
    """Rates of right answers in the bins less their mean confidences, times the roots of their shares, (B, K)."""
    mass, hits, mean = _binned(record)[0](w)
    return _rooted(hits - mean, mass)


def _rate_gaps(record: Judged, w: Float64s) -> Float64s:
    """Rates of right answers in the bins less the overall one, times the roots of their shares, (B, K)."""
    mass, hits, _ = _binned(record)[0](w)
    with np.errstate(invalid="ignore", divide="ignore"):
        base = hits.sum(axis=1, keepdims=True) / mass.sum(axis=1, keepdims=True)
    return _rooted(hits - mass * base, mass)


def _rooted(sums: Float64s, mass: Float64s) -> Float64s:
    """Sums over bins as means times the roots of shares, 0 in an empty bin: how many rows a bin holds is noise, too."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(mass > 0, sums / np.sqrt(mass * mass.sum(axis=1, keepdims=True)), 0.0)


def _recalibrated(loss: Loss, discrimination: bool) -> Callable[[Judged], Form]:
    """The part of the score that gaps of the bins make, by isotonic regression over these."""

    def form(record: Judged) -> Form:
        of, share, confidence = _binned(record)
        _, hits, _ = (each[0] for each in of(_own(record)))
        level = np.full_like(share, hits.sum() / _own(record).sum()) if discrimination else confidence

        def part(gaps: Float64s) -> Float64s:
            rate = np.clip(level + gaps / np.sqrt(share), 0.0, 1.0)
            found = parts(loss, Ordered(confidence, np.broadcast_to(share, gaps.shape), share * rate))
            return found.discrimination if discrimination else found.miscalibration

        return part

    return form


def _own(record: Judged) -> Float64s:
    return np.array(np.broadcast_to(base_weights(record), (1, len(judged(record)[0]))), dtype=np.float64)


@metric(
    "mcb-brier",
    of=Judged,
    area="calibration",
    better="lower",
    range=(0, 1),
    biased=True,
    default=False,
    norm=_recalibrated(brier_loss, False),
    gaps=_promised_gaps,
    source=CORP,
    check="calibration/decomposition",
)
def mcb_brier(record: Judged, w: Float64s) -> Float64s:
    """Miscalibration part of `brier-confidence`: what isotonic recalibration on these very rows would save.

    brier-confidence = mcb-brier - dsc-brier + unc-brier, exactly.  Biased upwards, since the recalibration is fitted
    to the noise too: of the order n^(-2/3) for a calibrated model.  w: (B, n); returns (B,).
    """
    return _of(brier_loss, record, w).miscalibration


@metric(
    "dsc-brier",
    of=Judged,
    area="calibration",
    better="higher",
    range=(0, 0.25),
    biased=True,
    default=False,
    norm=_recalibrated(brier_loss, True),
    gaps=_rate_gaps,
    source=CORP,
    check="calibration/decomposition",
)
def dsc_brier(record: Judged, w: Float64s) -> Float64s:
    """Discrimination part of `brier-confidence`: what the recalibrated confidence knows beyond the base rate.

    Biased upwards, as `mcb-brier` is.  w: (B, n); returns (B,).
    """
    return _of(brier_loss, record, w).discrimination


def _share_ends(of: Callable[[float], float]) -> Callable[[Judged, Design], Interval]:
    """The image of the accuracy's interval under a function that rises up to 1/2 and falls beyond."""

    def ends(record: Judged, d: Design) -> Interval:
        _, found = proportion(judged(record)[1].astype(np.float64), d)
        if found.low is None or found.high is None:
            return found
        at = of(float(found.low)), of(float(found.high))
        return Interval(low=min(at), high=of(0.5) if found.low < 0.5 < found.high else max(at), method=found.method)

    return ends


@metric(
    "unc-brier",
    of=Judged,
    area="calibration",
    better="none",
    range=(0, 0.25),
    default=False,
    ends=_share_ends(lambda a: a * (1 - a)),
    source=f"{CORP}; {MURPHY}",
    check="calibration/decomposition",
)
def unc_brier(record: Judged, w: Float64s) -> Float64s:
    """Uncertainty part of `brier-confidence`: a (1 - a) at accuracy a, what the base rate alone would score.

    Biased downwards by a factor (n - 1) / n only.  w: (B, n); returns (B,).
    """
    return _of(brier_loss, record, w).uncertainty


@metric(
    "mcb-log",
    of=Judged,
    area="calibration",
    better="lower",
    unit="nats",
    range=(0, None),
    biased=True,
    default=False,
    norm=_recalibrated(log_loss, False),
    gaps=_promised_gaps,
    source=CORP,
    check="calibration/decomposition",
)
def mcb_log(record: Judged, w: Float64s) -> Float64s:
    """Miscalibration part of the log score of the confidence, in nats: infinite where certainty was wrong.

    The log score of the event that the answer is right is mcb-log - dsc-log + unc-log, exactly.  Biased upwards.
    w: (B, n); returns (B,).
    """
    return _of(log_loss, record, w).miscalibration


@metric(
    "dsc-log",
    of=Judged,
    area="calibration",
    better="higher",
    unit="nats",
    range=(0, LN2),
    biased=True,
    default=False,
    norm=_recalibrated(log_loss, True),
    gaps=_rate_gaps,
    source=CORP,
    check="calibration/decomposition",
)
def dsc_log(record: Judged, w: Float64s) -> Float64s:
    """Discrimination part of the log score of the confidence: information, in nats, on which answers are right.

    Biased upwards.  w: (B, n); returns (B,).
    """
    return _of(log_loss, record, w).discrimination


@metric(
    "unc-log",
    of=Judged,
    area="calibration",
    better="none",
    unit="nats",
    range=(0, LN2),
    default=False,
    ends=_share_ends(binary_entropy),
    source=CORP,
    check="calibration/decomposition",
)
def unc_log(record: Judged, w: Float64s) -> Float64s:
    """Uncertainty part of the log score of the confidence: the entropy of being right, in nats.

    Biased downwards, by about 1 / (2 n).  w: (B, n); returns (B,).
    """
    return _of(log_loss, record, w).uncertainty
