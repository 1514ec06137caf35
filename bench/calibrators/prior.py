"""Undoing a language model's taste for some answers over others, by weights that match a prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import Calibration, NotApplicable, calibrator
from bench.records import Choices, log_softmax

SOURCE = "Liusie, Manakul and Gales 2023, Mitigating Word Bias in Zero-shot Prompt-based Classifiers"
PAPERS = ("Mitigating Word Bias in Zero-shot Prompt-based Classifiers",)
CLOSE = 1e-12
STEPS = 100  # at each temperature
HALVINGS = 40
FAR = 5.0  # the longest step, in units of the temperature
FLAT = 1e-12  # curvature below which a direction counts as flat


def prior_matched_weights(
    loglik: Float64s, prior: Float64s, weights: Float64s, start: Float64s | None = None
) -> Float64s:
    """The log alpha (C,), the largest 0, that make the mean of softmax(loglik + log alpha) the prior, to within 1e-8.

    loglik: (n, C); prior: (C,), above 0, summing to 1; weights: (n,); start: where the search begins.  No labels are
    looked at.  It is the minimum of the convex mean of logsumexp(loglik + a) less prior . a, unique up to the scale of
    alpha.  Far apart log-likelihoods make that all but piecewise linear, with no curvature for Newton's method to go
    by; so it is solved for softmax((loglik + a) / t) first, t as wide as they spread, and t is halved down to 1, each
    solution the start of the next.  Raises `NotApplicable` where no weights reach the prior.
    """
    share = weights / weights.sum()
    prior = prior / prior.sum()
    a = np.zeros(len(prior)) if start is None else start - start.mean()
    there = np.isfinite(loglik)
    t = max(1.0, float(np.ptp(loglik[there]))) if there.any() else 1.0
    while True:
        a = _matched(loglik, prior, share, a, t)
        if t == 1:
            break
        t = max(1.0, t / 2)
    missed = np.abs(_excess(loglik, prior, share, a, t)[1]).max()
    if not missed < 1e-8:
        raise NotApplicable(
            f"no weights of the choices give their mean probabilities the prior (missed by {missed:.2g})"
        )
    return a - a.max()


def _matched(loglik: Float64s, prior: Float64s, share: Float64s, a: Float64s, t: float) -> Float64s:
    """Newton's method at temperature t.  Its steps lead down the size of the slope too, which rounding blurs less."""
    probs, slope = _excess(loglik, prior, share, a, t)
    for _ in range(STEPS):
        if np.abs(slope).max() < CLOSE:
            break
        curvature = (np.diag(share @ probs) - (probs * share[:, None]).T @ probs) / t
        values, vectors = np.linalg.eigh(curvature)
        step = -(vectors / np.maximum(values, FLAT / t)) @ (vectors.T @ slope)
        step -= step.mean()  # the scale of alpha is free
        step *= min(1.0, FAR * t / max(np.abs(step).max(), 1e-300))
        for _ in range(HALVINGS):
            after = _excess(loglik, prior, share, a + step, t)
            # On a plateau, where all probabilities are 0 or 1, equal is as good: the step still leads down the slope.
            if np.linalg.norm(after[1]) <= np.linalg.norm(slope):
                break
            step /= 2
        else:
            break
        a = a + step
        probs, slope = after
    return a


def _excess(loglik: Float64s, prior: Float64s, share: Float64s, a: Float64s, t: float) -> tuple[Float64s, Float64s]:
    """Probabilities (n, C) under weights a at temperature t, and by how much their means exceed the prior, (C,)."""
    probs = np.exp(log_softmax((loglik + a) / t))
    return probs, share @ probs - prior


def null_weights(null: Float64s) -> Float64s:
    """The log alpha (C,) of the zero-resource variant, the largest 0: alpha_c = 1 / P(word c | a prompt without input).

    null: (C,), log-probabilities of the choices after a prompt whose input is empty or says nothing; finite.
    """
    return -null - (-null).max()


@calibrator(
    "prior-matched",
    of=Choices,
    source=SOURCE,
    default=False,
    papers=PAPERS,
    check="calibration/prior-matching",
)
def prior_matched(record: Choices) -> Calibration:
    """Weights on the choices such that their mean probabilities are uniform: no label is used.

    P(c | x) becomes proportional to alpha_c P(word c | prompt(x)), with one alpha for each position.  It is for choices
    that are the same label words in every row, and classes that are about equally frequent.  Where rows have their own
    choices, alpha is the pull of a position.  All rows need equally many choices.
    """
    loglik, weights = _dense(record)
    classes = loglik.shape[1]
    return _weighted(prior_matched_weights(loglik, np.full(classes, 1 / classes), weights), classes)


@calibrator(
    "label-matched",
    of=Choices,
    source=f"{SOURCE} (the oracle, by likelihood)",
    default=False,
    papers=PAPERS,
    check="calibration/prior-matching",
)
def label_matched(record: Choices) -> Calibration:
    """Weights on the choices of greatest likelihood of the calibration labels: what any weighting can reach there.

    It is `prior-matched` with the frequencies of the labels for a prior, since the gradient of the likelihood in
    log alpha is their difference from the mean probabilities.  Labels that never occur make it undefined.
    """
    loglik, weights = _dense(record)
    classes = loglik.shape[1]
    counts = np.bincount(record.labels, weights, minlength=classes)
    if (counts == 0).any():
        raise NotApplicable(f"choice {int(np.argmin(counts))} is never the right one: its best weight is 0")
    return _weighted(prior_matched_weights(loglik, counts / counts.sum(), weights), classes)


def _dense(record: Choices) -> tuple[Float64s, Float64s]:
    sizes = record.loglik.lengths
    if len(sizes) == 0 or len(np.unique(sizes)) != 1:
        raise NotApplicable("rows differ in their number of choices, so that no choice is the same in all")
    weights = np.ones(len(record)) if record.weights is None else record.weights
    if not weights.sum() > 0:
        raise NotApplicable("there are no calibration rows to fit on")
    return record.loglik.values.reshape(len(sizes), -1).astype(np.float64), weights


def _weighted(log_alpha: Float64s, classes: int) -> Calibration:
    def apply(other: Choices) -> Choices:
        if (other.loglik.lengths != classes).any():
            raise NotApplicable(f"the weights are for {classes} choices, and some rows have other numbers")
        # The largest weight is 1, so that log-likelihoods stay at most 0.
        return replace(other, loglik=Ragged(other.loglik.values + np.tile(log_alpha, len(other)), other.loglik.offsets))

    return Calibration({"log_alpha": log_alpha.tolist()}, apply)
