"""Proper scores of a predicted distribution, beside `nll` and `brier`."""

from __future__ import annotations

import numpy as np

from bench.components import PerSample, metric, per_sample
from bench.metrics.judged import with_classes
from bench.records import Classification


@metric(
    "spherical",
    of=Classification,
    area="calibration",
    better="higher",
    range=(0, 1),
    default=False,
    source="Roby 1965; Gneiting and Raftery 2007, Strictly Proper Scoring Rules",
    check="calibration/proper-by-hand",
)
def spherical(record: Classification) -> PerSample:
    """Mean spherical score p_y / |p|_2: the cosine between the prediction and the outcome; higher is better.  Unbiased.

    Bounded, unlike the log score, so that a broken certainty costs 1 and no more.
    """
    with_classes(record)
    probs = record.probs
    return per_sample(probs[np.arange(len(record)), record.labels] / np.sqrt((probs**2).sum(axis=1)))


@metric(
    "rps",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    default=False,
    source="Epstein 1969, A Scoring System for Probability Forecasts of Ranked Categories",
    check="calibration/proper-by-hand",
)
def rps(record: Classification) -> PerSample:
    """Mean ranked probability score of ordered classes: sum over thresholds k of (P(y <= k) - [y <= k])^2 / (C - 1).

    Classes are ordered by their number: for classes without an order it means nothing.  Divided by C - 1, so that it
    lies in [0, 1]; other libraries print the sum.  With two classes it is half of `brier`.  Unbiased.
    """
    with_classes(record)
    classes = record.logits.shape[1]
    below = np.cumsum(record.probs, axis=1)[:, :-1]
    happened = record.labels[:, None] <= np.arange(classes - 1)
    return per_sample(((below - happened) ** 2).sum(axis=1) / max(classes - 1, 1))
