"""Calibration errors less their bias, and of the whole distribution, on cases that can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.checks.calibration_errors import rates
from bench.checks.cases import exact, ids, measured, simulated
from bench.checks.metrics import confident
from bench.components import Truth, check
from bench.records import Classification
from bench.seeds import generator


def _classes(probs: Float64s, labels: Float64s) -> Classification:
    return Classification(ids=ids(len(probs)), logits=np.log(probs), labels=labels.astype(np.int64))


@check("calibration/debiased", area="calibration", source="closed form; unbiasedness")
def debiased() -> list[Truth]:
    """Fifteen confidences, each a bin of mass, and two, each a bin of width; sets of calibrated and other answers."""
    levels = 0.5 + (np.arange(15) + 0.5) / 30
    hits = np.array([3, 11, 7, 20, 15, 14, 9, 18, 13, 20, 10, 17, 19, 16, 20])
    f = hits / 20
    squares = (f - levels) ** 2 - f * (1 - f) / 19
    two = (0.2**2 - 0.4 * 0.6 / 19 + 0.35**2 - 0.6 * 0.4 / 19) / 2
    rng = generator(0, "debiased")
    confidence = np.repeat(levels, 4)
    sets = [rng.random(60) < confidence for _ in range(400)]
    off = [rng.random(60) < confidence - 0.1 for _ in range(400)]
    name = "ece-mass-debiased"
    return [
        exact(float(squares.mean()), measured(name, rates(levels, hits, 20)), "equal mass, by hand"),
        exact(math.sqrt(two), measured("ece-l2-debiased", rates([0.6, 0.95], [8, 12], 20)), "root, by hand"),
        exact(0.0, measured("ece-l2-debiased", rates([0.6], [12], 20)), "no error, no root"),
        simulated(0.0, np.array([measured(name, confident(confidence, s)) for s in sets]), "calibrated"),
        simulated(0.01, np.array([measured(name, confident(confidence, s)) for s in off]), "off by a tenth"),
    ]


POINTS = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.25, 0.05, 0.7], [0.8, 0.15, 0.05]])


@check("calibration/canonical-by-hand", area="calibration", source="closed form; unbiasedness")
def canonical_by_hand() -> list[Truth]:
    """Four predictions of three classes, each a cell of its own; calibrated labels, and others of known frequencies."""
    counts = np.array([[8, 7, 5], [0, 10, 10], [5, 1, 14], [16, 2, 2]])
    record = _classes(np.repeat(POINTS, 20, axis=0), np.concatenate([np.repeat(np.arange(3), c) for c in counts]))
    f = counts / 20
    spread = (f * ((np.eye(3)[None] - POINTS[:, None]) ** 2).sum(axis=2)).sum(axis=1)
    square = (400 * ((f - POINTS) ** 2).sum(axis=1) - 20 * spread) / (20 * 19)
    real = 0.7 * POINTS + 0.3 * POINTS[:, [1, 2, 0]]
    rng = generator(0, "canonical-by-hand")

    def sets(truth: Float64s) -> Float64s:
        edges = np.cumsum(np.repeat(truth, 10, axis=0), axis=1)[:, :-1]
        probs = np.repeat(POINTS, 10, axis=0)
        drawn = [(rng.random(40)[:, None] > edges).sum(axis=1) for _ in range(300)]
        return np.array([measured("canonical-ece-debiased", _classes(probs, labels)) for labels in drawn])

    error = float(((real - POINTS) ** 2).sum(axis=1).mean())
    return [
        exact(float(np.abs(f - POINTS).sum(axis=1).mean() / 2), measured("canonical-ece", record), "total variation"),
        exact(float(square.mean()), measured("canonical-ece-debiased", record), "debiased square"),
        simulated(0.0, sets(POINTS), "debiased, calibrated"),
        simulated(error, sets(real), "debiased, miscalibrated"),
    ]


@check("calibration/canonical-level", area="calibration", source="level under a calibrated model")
def canonical_level() -> list[Truth]:
    """Calibrated predictions of four classes are rejected at 5 % in 5 % of sets.

    And a model whose confidences are kept, but whose second and third classes are changed round: its confidences are
    faultless, and the test of the whole distribution finds it out.
    """
    rng = generator(0, "canonical-level")
    values, caught, blind = [], [], []
    for _ in range(300):
        probs = rng.dirichlet([4.0, 2.0, 1.0, 0.5], 200)
        values.append(measured("skce-p", _classes(probs, _drawn(probs, rng))))
    for _ in range(20):
        probs = -np.sort(-rng.dirichlet([4.0, 2.0, 1.0, 0.5], 300), axis=1)
        swapped = _classes(probs[:, [0, 2, 1, 3]], _drawn(probs, rng))
        caught.append(measured("skce-p", swapped))
        blind.append(measured("kce-p", swapped))
    found = np.array(values)
    return [
        simulated(0.05, found < 0.05, "level"),
        simulated(0.5, found, "mean under H0"),
        Truth(0.0, max(caught), 0.01, "classes changed round"),
        simulated(0.5, np.array(blind), "of which the confidences say nothing"),
    ]


def _drawn(probs: Float64s, rng: np.random.Generator) -> Float64s:
    return (rng.random(len(probs))[:, None] > np.cumsum(probs, axis=1)[:, :-1]).sum(axis=1).astype(np.float64)


@check("uncertainty/coverage-at-risk", area="uncertainty", source="by hand")
def coverage_at_risk() -> list[Truth]:
    """A hundred answers of falling confidence, of which the 15th, the 30th and all from the 50th on are wrong."""
    confidence = np.linspace(0.99, 0.51, 100)
    correct = np.array([k not in {15, 30} and k < 50 for k in range(1, 101)])
    tied = confidence.copy()
    tied[34:60] = confidence[40]
    name = "coverage-at-5"
    return [
        exact(0.49, measured(name, confident(confidence, correct)), "two wrong of 49"),
        exact(0.29, measured(name, confident(tied, correct)), "ties are accepted together"),
        exact(0.0, measured(name, confident(confidence, ~correct)), "no threshold"),
        exact(1.0, measured(name, confident(confidence, np.ones(100, dtype=bool))), "nothing wrong"),
    ]


@check("uncertainty/rejection-ratio", area="uncertainty", source="by hand; exchangeability of ties")
def rejection_ratio() -> list[Truth]:
    """Four answers, of which half may be rejected; the best, the worst, and a constant confidence."""
    confidence = np.array([0.9, 0.8, 0.7, 0.6])

    def of(correct: list[int], levels: Float64s = confidence) -> float:
        return measured("prr-confidence", confident(levels, np.array(correct, dtype=bool)))

    return [
        exact(1.0, of([1, 1, 0, 0]), "the best order"),
        exact(-1.0, of([0, 0, 1, 1]), "the worst"),
        # Errors among the first three and four: 1/3 + 1/4, at random 2 / 4, at best 0 + 1/4.
        exact((0.5 - 7 / 12) / (0.5 - 0.25), of([0, 1, 1, 1]), "the surest one wrong"),
        exact(0.0, of([0, 1, 1, 0, 1, 0, 1], np.full(7, 0.7)), "a constant"),
    ]
