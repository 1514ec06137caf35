"""Classification, calibration and choice metrics on cases whose value is known."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import AnyArray, Float64s, Ragged
from bench.checks.cases import exact, ids, measured, simulated
from bench.components import Truth, check
from bench.metrics.calibration import binomial_deviation
from bench.records import Choices, Classification
from bench.seeds import generator


def confident(confidence: Float64s, correct: AnyArray) -> Classification:
    """Two classes; class 0 has the given confidence (>= 1/2), and comes true where correct."""
    with np.errstate(divide="ignore"):
        logits = np.log(np.stack([confidence, 1 - confidence], axis=1))
    return Classification(ids=ids(len(confidence)), logits=logits, labels=1 - correct.astype(np.int64))


@check("metrics/uniform-classifier", area="likelihood", source="closed form")
def uniform_classifier() -> list[Truth]:
    """Ten equal logits, whatever their size: NLL log 10, Brier 0.9, and the first class is the answer."""
    record = Classification(ids=ids(50), logits=np.full((50, 10), 1e6), labels=np.arange(50) % 10)
    return [
        exact(math.log(10), measured("nll", record), "NLL of 10 classes"),
        exact(0.9, measured("brier", record), "Brier of 10 classes"),
        exact(0.1, measured("accuracy", record), "accuracy"),
    ]


@check("metrics/brier-identity", area="calibration", source="Murphy 1973; Liu et al. 2022, Deep Probability Estimation")
def brier_identity() -> list[Truth]:
    """E Brier = 2 MSE_p + sum p (1 - p), and E NLL = H(p) + KL_p: exactly, each outcome weighed by its probability."""
    rng = generator(0, "brier-identity")
    n, classes = 200, 4
    truth = rng.dirichlet(np.ones(classes), n)
    guess = rng.dirichlet(np.ones(classes), n)
    every = np.repeat(np.arange(n), classes)
    record = Classification(
        ids=ids(n * classes),
        logits=np.log(guess)[every],
        labels=np.tile(np.arange(classes), n),
        weights=truth.ravel(),
        truth=truth[every],
    )
    noise = float((truth * (1 - truth)).sum(axis=1).mean())
    entropy = float(-(truth * np.log(truth)).sum(axis=1).mean())
    return [
        exact(measured("brier", record), 2 * measured("mse-p", record) + noise, "Brier = 2 MSE_p + noise"),
        exact(measured("nll", record), measured("kl-p", record) + entropy, "NLL = KL_p + entropy"),
        exact(float(((truth - guess) ** 2).sum(axis=1).mean() / 2), measured("mse-p", record), "MSE_p"),
    ]


@check("metrics/constructed-ece", area="calibration", source="closed form")
def constructed_ece() -> list[Truth]:
    """Bins built by hand: 100 at .55 with 40 right, 60 at .95 with 57 right, 40 at 1 with 30 right."""
    confidence = np.repeat([0.55, 0.95, 1.0], [100, 60, 40])
    correct = np.concatenate([np.arange(k) < hits for k, hits in ((100, 40), (60, 57), (40, 30))])
    record = confident(confidence, correct)
    # .95 and 1 share the last bin: 57 + 30 right where 57 + 40 were promised.
    return [
        exact(0.5 * 0.15 + 0.5 * 0.1, measured("ece", record), "ECE"),
        exact(0.15, measured("mce", record), "MCE"),
        exact((15 + 10) / 200, measured("overconfidence", record), "overconfidence"),
    ]


@check("metrics/ece-under-calibration", area="calibration", source="unbiasedness under a calibrated model")
def ece_under_calibration() -> list[Truth]:
    """400 sets of 200 answers of a calibrated model: ECE averages its null value, its debiased square averages 0."""
    rng = generator(0, "ece-under-calibration")
    gaps, debiased = [], []
    for _ in range(400):
        confidence = rng.uniform(0.5, 1.0, 200)
        record = confident(confidence, rng.random(200) < confidence)
        gaps.append(measured("ece", record) - measured("ece-null", record))
        debiased.append(measured("ece-debiased", record))
    one_bin = confident(np.full(30, 0.7), np.ones(30))
    k = np.arange(31)
    chance = np.array([math.comb(30, int(i)) for i in k]) * 0.7**k * 0.3 ** (30 - k)
    return [
        simulated(0, np.array(gaps), "ECE less its null value"),
        simulated(0, np.array(debiased), "debiased square"),
        exact(float(chance @ np.abs(k / 30 - 0.7)), measured("ece-null", one_bin), "null value by enumeration"),
        exact(0.294, float(binomial_deviation(np.array([2.0]), np.array([0.3]))[0]), "mean deviation of two trials"),
    ]


@check("metrics/smooth-ece-constant-gap", area="calibration", source="closed form of the smoothed residuals")
def smooth_ece_constant_gap() -> list[Truth]:
    """One confidence: the kernel integrates to 1, so the error is the gap.  Two: the overlap of two Gaussians."""
    from scipy.optimize import brentq
    from scipy.special import ndtr

    one = confident(np.full(200, 0.75), np.arange(200) < 130)
    # Residuals of +0.1 at .70 and -0.1 at .80, half of the samples each: s = 0.1 (2 Phi(0.1 / 2 s) - 1).
    two = confident(np.repeat([0.7, 0.8], 100), np.concatenate([np.arange(100) < 80, np.arange(100) < 70]))
    scale = brentq(lambda s: 0.1 * (2 * ndtr(0.05 / s) - 1) - s, 1e-3, 0.1, xtol=1e-12)
    # Linear spreading over a grid of distance h widens the kernel by less than h^2 / 4 in variance.
    grid = 1 / 1024
    return [
        Truth(0.1, measured("smooth-ece", one), 2.0**-15, "constant gap"),
        Truth(float(scale), measured("smooth-ece", two), float(grid**2 / 4 / scale) + 2.0**-15, "two opposite gaps"),
    ]


@check("metrics/hand-made-choices", area="reasoning", source="closed form")
def hand_made_choices() -> list[Truth]:
    """Two questions: the longer choice loses by the sum and wins by the byte; likelihoods of 1/2 and 1/4 are 2 : 1."""
    record = Choices(
        ids=ids(2),
        labels=np.array([1, 0]),
        loglik=Ragged.of([[-4.0, -6.0, -9.0], [math.log(0.5), math.log(0.25)]], np.float64),
        bytes=Ragged.of([[2, 12, 4], [3, 3]], np.int64),
    )
    first = -6 - math.log(math.exp(-4) + math.exp(-6) + math.exp(-9))
    shares = np.exp([-4, -6, -9]) / np.exp([-4, -6, -9]).sum()
    return [
        exact(0.5, measured("accuracy", record), "accuracy"),
        exact(1.0, measured("accuracy-bytes", record), "accuracy by bytes"),
        exact((-first - math.log(2 / 3)) / 2, measured("choice-nll", record), "NLL"),
        exact(
            (float(((shares - [0, 1, 0]) ** 2).sum()) + 2 / 9) / 2, measured("choice-brier", record), "Brier of choices"
        ),
    ]
