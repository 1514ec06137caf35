"""Calibrators on cases whose best parameters are known.

Where rows stand for a whole population, each input is there once for each label, weighed by that label's probability.
"""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.calibrators.affine import odir, vector_scaling
from bench.calibrators.cape import cape_bin, cape_kernel
from bench.calibrators.prior import null_weights, prior_matched, prior_matched_weights
from bench.calibrators.sigmoid import beta, platt_line
from bench.calibrators.stepwise import histogram, isotonic
from bench.calibrators.venn_abers import merged, venn_abers_fit
from bench.checks.cases import exact, ids
from bench.components import Truth, check
from bench.records import Choices, Classification, log_softmax
from bench.seeds import generator


def population(logits: Float64s, truth: Float64s) -> Classification:
    """Every input once with each label, weighed by p(label | input)."""
    n, classes = truth.shape
    every = np.repeat(np.arange(n), classes)
    return Classification(
        ids=ids(n * classes), logits=logits[every], labels=np.tile(np.arange(classes), n), weights=truth.ravel()
    )


def binary(odds: Float64s, p: Float64s) -> Classification:
    """`population` of two classes, of which the second has these log-odds and comes true with probability p."""
    return population(np.stack([np.zeros_like(odds), odds], axis=1), np.stack([1 - p, p], axis=1))


def _sigmoid(z: Float64s) -> Float64s:
    return 1 / (1 + np.exp(-z))


@check("calibration/affine-recovery", area="calibration", source="the map that made the population")
def affine_recovery() -> list[Truth]:
    """Populations made by a vector and by a matrix scaling: the least loss is theirs."""
    rng = generator(0, "affine-recovery")
    z = rng.standard_normal((60, 3)) * 2
    z -= z.mean(axis=1, keepdims=True)
    scale, shift = np.array([0.5, 1.5, 1.0]), np.array([0.4, -0.5, 0.1])
    made = population(z, np.exp(log_softmax(z * scale + shift)))
    assert made.weights is not None  # noqa: S101 - a population has weights
    a, b0 = vector_scaling(made.logits, made.labels, made.weights, 0.0)
    w = np.array([[1.0, 0.3, -0.2], [0.1, 0.7, 0.2], [-0.3, 0.0, 1.4]])
    truth = np.exp(log_softmax(z @ w.T + shift))
    record = population(z, truth)
    assert record.weights is not None  # noqa: S101 - a population has weights
    fitted, b = odir(record.logits, record.labels, record.weights, 0.0)
    held, at_zero = odir(record.logits, record.labels, record.weights, 1e6)
    off = ~np.eye(3, dtype=bool)
    return [
        Truth(0.0, float(np.abs(a - scale).max()), 1e-5, "vector: scales"),
        Truth(0.0, float(np.abs(b0 - shift).max()), 1e-5, "vector: shifts"),
        Truth(0.0, float(np.abs(np.exp(log_softmax(z @ fitted.T + b)) - truth).max()), 1e-5, "matrix: probabilities"),
        Truth(0.0, float(max(np.abs(held[off]).max(), np.abs(at_zero).max())), 1e-5, "ODIR holds what is off"),
    ]


@check("calibration/sigmoids", area="calibration", source="closed form of a saturated logistic regression; Platt 1999")
def sigmoids() -> list[Truth]:
    """Platt's line through two scores meets the mean smoothed target of each; a beta curve is found again."""
    scores, outcome = np.repeat([-1.0, 2.0], 10), np.concatenate([np.arange(10) < 3, np.arange(10) < 9]).astype(float)
    high, low = 13 / 14, 1 / 10  # of 12 ones and 8 zeros
    ends = [math.log(t / (1 - t)) for t in ((3 * high + 7 * low) / 10, (9 * high + low) / 10)]
    slope, intercept = platt_line(scores, outcome, np.ones(20))
    odds = np.linspace(-4, 4, 81)
    a, b, c = 0.6, 1.7, -0.3
    p = _sigmoid(a * -np.logaddexp(0, -odds) + b * np.logaddexp(0, odds) + c)
    found = beta(binary(odds, p)).parameters["classes"][0]
    same = beta(binary(odds, _sigmoid(odds))).parameters["classes"][0]
    return [
        Truth((ends[1] - ends[0]) / 3, slope, 1e-9, "Platt: slope"),
        Truth(ends[0] + (ends[1] - ends[0]) / 3, intercept, 1e-9, "Platt: intercept"),
        *(Truth(t, found[k], 1e-7, f"beta: {k}") for k, t in (("a", a), ("b", b), ("c", c))),
        *(Truth(t, same[k], 1e-7, f"beta of a calibrated model: {k}") for k, t in (("a", 1.0), ("b", 1.0), ("c", 0.0))),
    ]


@check("calibration/steps", area="calibration", source="pooling by hand")
def steps() -> list[Truth]:
    """Rates .2, .6, .4, .9 at four scores: the middle two are pooled.  Fifteen bins of one score keep their rates."""
    odds, rate = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.2, 0.6, 0.4, 0.9])
    asked = binary(np.array([-3.0, -2.0, 0.0, 1.5, 9.0]), np.full(5, 0.5))
    pooled = isotonic(binary(odds, rate)).apply(asked).probs[::2, 1]
    many = np.linspace(-3, 3, 15)
    wavy = 0.5 + 0.4 * np.sin(many)
    binned = histogram(binary(many, wavy))
    kept = binned.apply(binary(many, wavy)).probs[::2, 1]
    by_hand = np.array([0.2, 0.2, 0.5, 0.7, 0.9])  # below all scores, at one, within a step, between steps, above all
    return [
        exact(0.0, float(np.abs(pooled - by_hand).max()), "isotonic, at five scores"),
        exact(0.0, float(np.abs(kept - wavy).max()), "histogram of one score a bin"),
    ]


@check("calibration/venn-abers", area="calibration", source="Vovk, Petej and Fedorova 2015, by enumeration")
def venn_abers_theorem() -> list[Truth]:
    """In a bag of which each object in turn is tested, the p of the true label is calibrated exactly: mean y given p.

    And p0, p1 at any score are isotonic regressions with the object added.
    """
    from scipy.optimize import isotonic_regression

    rng = generator(0, "venn-abers")
    worst = added = 0.0
    for _ in range(40):
        scores, outcome = np.round(rng.normal(size=12), 1), (rng.random(12) < 0.5).astype(np.float64)
        told = np.empty(12)
        for i in range(12):
            rest = np.arange(12) != i
            low, high = venn_abers_fit(scores[rest], outcome[rest]).interval(scores[i : i + 1])
            told[i] = (high if outcome[i] else low)[0]
        level = np.round(told, 9)
        worst = max(worst, *(abs(float(outcome[level == v].mean()) - v) for v in np.unique(level)))
        at = float(np.round(rng.normal(), 2))
        ends = venn_abers_fit(scores, outcome).interval(np.array([at]))
        for label, end in enumerate(ends):
            s, y = np.append(scores, at), np.append(outcome, label)
            values, index, counts = np.unique(s, return_inverse=True, return_counts=True)
            fitted = isotonic_regression(np.bincount(index, y) / counts, weights=counts).x
            added = max(added, abs(float(fitted[np.searchsorted(values, at)] - end[0])))
    return [
        Truth(0.0, worst, 1e-8, "mean label given p of the label"),
        exact(0.0, added, "isotonic regression with the object added"),
        exact(0.6 / 1.4, float(merged(np.array([0.2]), np.array([0.6]))[0]), "merged"),
    ]


@check("calibration/cape", area="calibration", source="the curve that made the population")
def cape() -> list[Truth]:
    """A population whose log-odds are three times too large: RMS error of the probabilities, .19 before, below .01."""
    odds = np.linspace(-6, 6, 401)
    truth = _sigmoid(odds / 3 + 0.2)
    record = binary(odds, truth)
    before = float(np.sqrt(((_sigmoid(odds) - truth) ** 2).mean()))
    return [
        Truth(0.19, before, 0.01, "before"),
        *(
            Truth(0.0, float(np.sqrt(((c(record).apply(record).probs[::2, 1] - truth) ** 2).mean())), 0.01, name)
            for name, c in (("by bins", cape_bin), ("by a kernel", cape_kernel))
        ),
    ]


@check("calibration/prior-matching", area="calibration", source="symmetry; closed form; Liusie et al. 2023")
def prior_matching() -> list[Truth]:
    """A bias put into balanced scores is undone exactly; the search's end doesn't depend on its start; null prompts."""
    rng = generator(0, "prior-matching")
    base = rng.normal(0, 2, (50, 4))
    balanced = np.concatenate([np.roll(base, k, axis=1) for k in range(4)])
    bias = np.array([-0.1, -2.0, -0.7, -1.5])
    loglik = log_softmax(balanced + bias)
    record = Choices(ids=ids(200), labels=np.zeros(200, dtype=np.int64), loglik=Ragged.of(list(loglik), np.float64))
    after = np.exp(prior_matched(record).apply(record).log_probs).mean(axis=0)
    prior = np.array([0.4, 0.3, 0.2, 0.1])
    ones = np.ones(200)
    one = prior_matched_weights(loglik, prior, ones)
    other = prior_matched_weights(loglik, prior, ones, start=10 * rng.standard_normal(4))
    reached = np.exp(log_softmax(loglik + one)).mean(axis=0)
    undone = prior_matched_weights(loglik, np.full(4, 0.25), ones) + bias
    # Two choices at one score: the odds become those of the prior, a shift of the threshold.
    two = prior_matched_weights(np.tile(np.log([0.9, 0.1]), (3, 1)), np.array([0.5, 0.5]), np.ones(3))
    return [
        Truth(0.0, float(np.abs(after - 0.25).max()), 1e-8, "mean probabilities after fitting"),
        Truth(0.0, float(np.abs(reached - prior).max()), 1e-8, "a prior that isn't uniform"),
        Truth(0.0, float(np.ptp(undone)), 1e-8, "the bias is undone, up to a constant"),
        Truth(0.0, float(np.abs(one - other).max()), 1e-8, "two starts"),
        Truth(-math.log(9), float(two[0]), 1e-8, "two choices"),
        exact(-math.log(2), float(null_weights(np.log([0.5, 0.25, 0.25]))[0]), "null prompt"),
    ]
