"""How much a classifier's answers vary within a class, and how few classes they name."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import PerSample, metric, per_sample
from bench.metrics.judged import with_classes
from bench.records import Classification

FIRST = "FIRST: Teach A Reliable Large Language Model Through Efficient Trustworthy Distillation"
TOP = 5


def entropy(probs: Float64s) -> Float64s:
    """Entropy over the last axis, nats; a probability of 0 adds nothing."""
    from scipy.special import xlogy

    return -xlogy(probs, probs).sum(axis=-1)


def class_information(record: Classification, w: Float64s) -> tuple[Float64s, Float64s]:
    """I(X; Y^ | Y = y) of each class, and the weight of the class, each (B, C).

    Of one class: the entropy of the mean answer less the mean entropy of the answers, NaN where it has no weight.
    """
    with_classes(record)
    probs = record.probs
    classes = probs.shape[1]
    own = entropy(probs)
    information, mass = np.full((len(w), classes), np.nan), np.zeros((len(w), classes))
    for y in range(classes):
        rows = np.flatnonzero(record.labels == y)
        part = w[:, rows]
        mass[:, y] = part.sum(axis=1)
        with np.errstate(invalid="ignore"):
            mean = part @ probs[rows] / mass[:, y, None]
            information[:, y] = np.maximum(entropy(mean) - part @ own[rows] / mass[:, y], 0.0)
    return information, mass


@metric(
    "cmi",
    of=Classification,
    area="calibration",
    better="none",
    unit="nats",
    range=(0, None),
    biased=True,
    default=False,
    source="Ye et al. 2024, Bayes Conditional Distribution Estimation for Knowledge Distillation",
    papers=(
        "Bayes Conditional Distribution Estimation for Knowledge Distillation Based on Conditional Mutual Information",
    ),
    check="calibration/conditional-information",
)
def cmi(record: Classification, w: Float64s) -> Float64s:
    """Conditional mutual information I(X; Y^ | Y): what answers tell of their sample beyond its class, in nats.

    The mean over classes, by their shares, of the mean KL divergence of p(. | x) from the mean answer of the class;
    at most log C.  Neither way is better: a teacher of more teaches more, a classifier of less is more consistent.
    Biased downwards: a class of n rows shows about (n - 1) / n of it.  w: (B, n); returns (B,).
    """
    information, mass = class_information(record, w)
    with np.errstate(invalid="ignore"):
        return np.where(mass > 0, mass * information, 0.0).sum(axis=1) / mass.sum(axis=1)


def mcmi_objective(record: Classification, strength: float, w: Float64s) -> Float64s:
    """The teacher's objective, higher is better: mean log-likelihood plus `strength` times `cmi`, nats, (B,)."""
    likelihood = record.log_probs[np.arange(len(record)), record.labels]
    return w @ likelihood / w.sum(axis=1) + strength * cmi(record, w)


def concentration(record: Classification) -> Float64s:
    """The concentrated-knowledge profile C(k), (C,): the mean sum of the k largest probabilities, k = 1 .. C.

    Increasing and concave, from the mean confidence to 1.  Rows count by the record's weights.
    """
    profile = np.cumsum(np.sort(record.probs, axis=1)[:, ::-1], axis=1)
    return np.average(profile, axis=0, weights=record.weights)


@metric(
    "top-5-mass",
    of=Classification,
    area="calibration",
    better="none",
    range=(0, 1),
    default=False,
    source="Shum et al. 2024, FIRST (concentrated knowledge)",
    papers=(FIRST,),
    check="calibration/trust-profile",
)
def top_5_mass(record: Classification) -> PerSample:
    """Mean sum of the five largest probabilities: how much of an answer a teacher's top five hand on.  Unbiased.

    `concentration` gives the whole profile over k.
    """
    top = np.sort(record.probs, axis=1)[:, ::-1][:, :TOP]
    return per_sample(np.minimum(top.sum(axis=1), 1.0))
