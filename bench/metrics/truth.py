"""Metrics of a predicted distribution against the true one, where the source of the data is known."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Classification

SOURCE = "Liu et al. 2022, Deep Probability Estimation"


@metric(
    "mse-p",
    of=Classification,
    area="calibration",
    better="lower",
    range=(0, 1),
    source=SOURCE,
    check="metrics/brier-identity",
)
def mse_p(record: Classification) -> PerSample:
    """Mean squared error of the predicted probabilities against the true p(y|x): half the sum over classes.

    With two classes that is (p_hat - p)^2 of the positive one, as in the paper.  What the expected Brier score holds
    beyond it (twice this, plus the sum of p (1 - p)) is the noise of the outcomes, which no model can remove.
    """
    return per_sample(((record.probs - _truth(record)) ** 2).sum(axis=1) / 2)


@metric(
    "kl-p",
    of=Classification,
    area="calibration",
    better="lower",
    unit="nats",
    range=(0, None),
    source=SOURCE,
    check="metrics/brier-identity",
)
def kl_p(record: Classification) -> PerSample:
    """Mean divergence of the prediction from the true p(y|x): sum over classes of p log(p / p_hat).

    A class of true probability 0 adds nothing; one that can happen but was given 0 makes it infinite.
    """
    p = _truth(record)
    possible = p > 0
    log_p = np.log(p, out=np.zeros_like(p), where=possible)
    terms = np.where(possible, p * (log_p - np.where(possible, record.log_probs, 0.0)), 0.0)
    # Rounding may leave -1e-17 where the two distributions are one.
    return per_sample(np.maximum(terms.sum(axis=1), 0.0))


def _truth(record: Classification) -> Float64s:
    if record.truth is None:
        raise NotApplicable("the true p(y|x) is not known: the record has no 'truth'")
    return record.truth
