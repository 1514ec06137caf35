"""Calibration of digits classifiers, on clean images and under shift.

All four tasks share one calibration split, clean; all but label noise share one training split, so that a model is
fitted once for them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.examples import Examples
from bench.records import Classification
from bench.references.corruptions import noised, rotated
from bench.references.digits import CLASSES, SOURCE, digits
from bench.seeds import generator

METRICS = ("accuracy", "nll", "brier", "ece", "ece-null", "ece-debiased", "overconfidence")
FLIPPED = 0.2
NOISE = 0.3
TURN = (15.0, 45.0)


@task(
    "calibration/digits",
    needs="classifier",
    yields=Classification,
    source=SOURCE,
    metrics=METRICS,
    calibrators=("temperature",),
)
def calibration_digits(seed: int) -> Examples:  # noqa: ARG001 - the split is fixed
    """Clean digits: 900 to train, 297 to calibrate, 600 to test."""
    return Examples.join({"train": digits("train"), "calibration": digits("calibration"), "test": digits("test")})


@task(
    "calibration/digits-rotated",
    needs="classifier",
    yields=Classification,
    source="Ovadia et al. 2019, arXiv:1906.02530",
    metrics=METRICS,
    calibrators=("temperature",),
)
def calibration_digits_rotated(seed: int) -> Examples:
    """Test digits turned by 15 to 45 degrees either way; training and calibration are clean."""
    test = digits("test")
    draws = generator(seed, "calibration/digits-rotated")
    degrees = draws.uniform(*TURN, size=len(test)) * draws.choice([-1.0, 1.0], size=len(test))
    return _shifted(replace(test, inputs=rotated(np.asarray(test.inputs), degrees), dataset=_named(test, "rotated")))


@task(
    "calibration/digits-noise",
    needs="classifier",
    yields=Classification,
    source="Hendrycks and Dietterich 2019, arXiv:1903.12261",
    metrics=METRICS,
    calibrators=("temperature",),
)
def calibration_digits_noise(seed: int) -> Examples:
    """Test digits with Gaussian noise of standard deviation .3 (of the full range); the rest is clean."""
    test = digits("test")
    inputs = noised(np.asarray(test.inputs), NOISE, generator(seed, "calibration/digits-noise"))
    return _shifted(replace(test, inputs=inputs, dataset=_named(test, "noise")))


@task(
    "calibration/digits-label-noise",
    needs="classifier",
    yields=Classification,
    source="Patrini et al. 2017, arXiv:1609.03683",
    metrics=(*METRICS, "kl-p"),
    check="calibration/label-noise-ceiling",
    calibrators=("temperature",),
)
def calibration_digits_label_noise(seed: int) -> Examples:
    """Labels replaced, with probability .2, by one of the nine others: in training and in test, not in calibration.

    Whoever wrote the training labels writes the test labels too, so p(y|x) is known and is the truth: .8 for the digit
    and .2/9 for each other, which bounds accuracy by .8 and the loss by .940 nats.  The calibration labels were
    corrected by hand, as validation sets often are: a temperature fitted on them makes the model too sure here.
    """
    draws = generator(seed, "calibration/digits-label-noise")
    parts = {}
    for split, rate in (("train", FLIPPED), ("calibration", 0.0), ("test", FLIPPED)):
        part = digits(split)
        labels = np.asarray(part.targets)
        parts[split] = replace(part, targets=flipped(labels, rate, draws), truth=noisy_truth(labels, rate))
    return Examples.join(parts)


def flipped(labels: Ints, rate: float, draws: np.random.Generator) -> Ints:
    """Labels of which each became, with probability `rate`, one of the other classes, all alike, (n,)."""
    other = (labels + draws.integers(1, CLASSES, size=len(labels))) % CLASSES
    return np.where(draws.random(len(labels)) < rate, other, labels)


def noisy_truth(labels: Ints, rate: float) -> Float64s:
    """p(y|x) after `flipped`, (n, C), where the label before was certain."""
    truth = np.full((len(labels), CLASSES), rate / (CLASSES - 1))
    truth[np.arange(len(labels)), labels] = 1 - rate
    return truth


def _shifted(test: Examples) -> Examples:
    return Examples.join({"train": digits("train"), "calibration": digits("calibration"), "test": test})


def _named(examples: Examples, name: str) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    return np.full(len(examples), f"digits, {name}")
