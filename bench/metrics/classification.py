"""Metrics of a predicted distribution over classes, and of being right."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.metrics.judged import with_classes
from bench.records import Classification, Judged
from bench.records.top import log_prob_of, squared_error_of


@metric(
    "nll",
    of=Classification,
    area="likelihood",
    better="lower",
    unit="nats",
    range=(0, None),
    source="Good 1952, Rational decisions",
    check="metrics/uniform-classifier",
)
def nll(record: Classification) -> PerSample:
    """Mean negative log-probability of the class that came true: -log p(y|x).

    From logits by a shifted log-softmax in float64, so large logits lose nothing; a true class of probability 0 makes
    it infinite, and is not clipped away.
    """
    with_classes(record)
    return per_sample(-log_prob_of(record.logits, record.labels))


@metric(
    "brier",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 2),
    source="Brier 1950, Verification of forecasts expressed in terms of probability",
    check="metrics/brier-identity",
)
def brier(record: Classification) -> PerSample:
    """Mean squared distance between the predicted distribution and the outcome: sum over classes of (p - y)^2.

    Brier's own form, in [0, 2]: for two classes it is twice the (p - y)^2 of one class that scikit-learn prints.
    """
    with_classes(record)
    return per_sample(squared_error_of(record.logits, record.labels))


@metric(
    "accuracy",
    of=Judged,
    area="general",
    better="higher",
    range=(0, 1),
    source="share of right answers",
    check="metrics/uniform-classifier",
)
def accuracy(record: Judged) -> PerSample:
    """Share of samples whose answer is right.  Where two classes tie for the most probable, the first is the answer."""
    with_classes(record)
    return per_sample(record.correct)
