"""Scores of texts that a model may have written itself; higher says a machine."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.records import Authored
from bench.stats.collapse import PAPER, detector

CHECK = "ood/machine-text"


@score(
    "machine-likelihood", of=Authored, unit="nats/token", source="Gehrmann, Strobelt and Rush 2019, GLTR", check=CHECK
)
def machine_likelihood(record: Authored) -> Float64s:
    """Mean log-probability of a token under the model itself, (n,): models write what they find likely."""
    return record.log_prob / np.maximum(record.logprobs.lengths, 1)


@score("machine-ratio", of=Authored, unit="nats", source="Neyman and Pearson 1933", papers=(PAPER,), check=CHECK)
def machine_ratio(record: Authored) -> Float64s:
    """Log p_model(x) - log p_source(x), nats, (n,): the best there is where the people's law is known."""
    if record.truth is None:
        raise NotApplicable("the law of the people's texts is not known: the record has no 'truth'")
    return np.asarray(record.log_prob - record.truth)


@score("machine-detector", of=Authored, unit="nats", source="Drayson, Yilmaz and Lampos 2025, arXiv:2502.15654",
       papers=(PAPER,), check=CHECK)  # fmt: skip
def machine_detector(record: Authored, train: Authored, strength: float = 1.0) -> Float64s:
    """Log-odds of a machine by a logistic regression on words and pairs of words, fitted on training texts, (n,)."""
    if len(np.unique(train.machine)) < 2:
        raise NotApplicable("the training texts are all of one kind")
    learnt = detector([str(text) for text in train.text], train.machine, strength)
    return learnt.log_odds([str(text) for text in record.text])
