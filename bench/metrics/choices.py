"""Metrics of multiple choice by log-likelihood; being right and calibrated is judged with all other answers."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Choices


@metric(
    "accuracy-bytes",
    of=Choices,
    area="reasoning",
    better="higher",
    range=(0, 1),
    source="Brown et al. 2020, Language Models are Few-Shot Learners (length-normalised choices)",
    check="metrics/hand-made-choices",
)
def accuracy_bytes(record: Choices) -> PerSample:
    """Share of samples whose right choice has the highest log-likelihood per UTF-8 byte.

    lm-evaluation-harness's `acc_norm` divides by characters, which differs beyond ASCII.  The first of equals is taken.
    """
    if record.bytes is None:
        raise NotApplicable("the record has no 'bytes' of the choices")
    rates = record.loglik.padded(-np.inf) / np.maximum(record.bytes.padded(1), 1)
    return per_sample(rates.argmax(axis=1) == record.labels)


@metric(
    "choice-nll",
    of=Choices,
    area="likelihood",
    better="lower",
    unit="nats",
    range=(0, None),
    source="Good 1952, Rational decisions",
    check="metrics/hand-made-choices",
)
def choice_nll(record: Choices) -> PerSample:
    """Mean negative log-probability of the right choice, the choices' likelihoods normalised among themselves."""
    return per_sample(-record.log_probs[np.arange(len(record)), record.labels])


@metric(
    "choice-brier",
    of=Choices,
    area="calibration",
    better="lower",
    range=(0, 2),
    source="Brier 1950, Verification of forecasts expressed in terms of probability",
    check="metrics/hand-made-choices",
)
def choice_brier(record: Choices) -> PerSample:
    """Mean squared distance between the distribution over the choices and the right one: Brier's form, in [0, 2]."""
    probs = np.exp(record.log_probs)
    return per_sample(((probs - (record.labels[:, None] == np.arange(probs.shape[1]))) ** 2).sum(axis=1))


def _truth(record: Choices) -> Float64s:
    if record.truth is None:
        raise NotApplicable("the true probabilities of the choices are not known: the record has no 'truth'")
    return record.truth.padded(0.0)


@metric(
    "choice-mse-p",
    of=Choices,
    area="calibration",
    better="lower",
    range=(0, 1),
    source="Liu et al. 2022, Deep Probability Estimation",
    check="reasoning/worlds",
)
def choice_mse_p(record: Choices) -> PerSample:
    """Mean squared error of the probabilities of the choices against the true ones, half the sum over choices."""
    return per_sample(((np.exp(record.log_probs) - _truth(record)) ** 2).sum(axis=1) / 2)


@metric(
    "choice-kl-p",
    of=Choices,
    area="calibration",
    better="lower",
    unit="nats",
    range=(0, None),
    source="Wong et al. 2023, From Word Models to World Models (regret of the log score)",
    check="reasoning/worlds",
)
def choice_kl_p(record: Choices) -> PerSample:
    """Mean divergence of the model's distribution over the choices from the true one: regret of the log score."""
    from scipy.special import rel_entr

    return per_sample(np.maximum(rel_entr(_truth(record), np.exp(record.log_probs)).sum(axis=1), 0.0))
