"""Temperature scaling and the tasks of known probability."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints
from bench.calibrators.temperature import best_temperature, temperature
from bench.components import Truth, check
from bench.records import Classification
from bench.seeds import generator
from bench.tasks.calibration.digits import FLIPPED, calibration_digits_label_noise
from bench.tasks.calibration.links import LINKS, linked


@check("calibration/temperature-recovery", area="calibration", source="Guo et al. 2017, arXiv:1706.04599")
def temperature_recovery() -> list[Truth]:
    """Labels drawn from softmax(z): the temperature of c z is c times that of z, exactly, and about c.

    The standard error of T at the truth is 1 / sqrt(n Var_p(z)), by the Fisher information; 4 of them are allowed.
    With two classes and a gap of g, the best T in closed form: g / log(k / (n - k)) where k of n labels are right.
    """
    draws = generator(0, "check", "temperature")
    n = 20_000
    z = 2 * draws.standard_normal((n, 5))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = (draws.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(0, 4)
    information = float(((p * z**2).sum(axis=1) - (p * z).sum(axis=1) ** 2).sum())
    base = best_temperature(z, labels, np.ones(n))
    truths = [Truth(1.0, base, 4 / np.sqrt(information), "T of calibrated logits")]
    for c in (1e-6, 0.5, 3.0, 1e6):
        fitted = temperature(_record(c * z, labels)).parameters["temperature"]
        truths.append(Truth(base, fitted / c, 1e-8, f"logits times {c:g}"))
    two = np.tile([0.0, 2.0], (100, 1))
    right = (np.arange(100) < 70).astype(np.int64)
    closed = best_temperature(two, right, np.ones(100))
    return [*truths, Truth(2.0 / float(np.log(70 / 30)), closed, 1e-9, "two classes, closed form")]


@check("calibration/link-moments", area="calibration", source="Liu et al. 2022, arXiv:2111.10734")
def link_moments() -> list[Truth]:
    """Mean and variance of p = g(z) for uniform z, documented against quadrature; outcomes against the mean of p.

    The midpoint rule on a million points is exact to 1e-9 for the smooth links, and exact for the steps.
    """
    z = (np.arange(1_000_000) + 0.5) / 1_000_000
    truths = []
    for name, link in LINKS.items():
        p = link.g(z)
        test = linked(link, 0).split("test")
        rate, known = np.asarray(test.targets).mean(), np.asarray(test.truth)[:, 1]
        error = np.sqrt((known * (1 - known)).sum()) / len(known)
        truths += [
            Truth(float(p.mean()), link.mean, 1e-6, f"{name}: mean"),
            Truth(float(p.var()), link.variance, 1e-6, f"{name}: variance"),
            Truth(float(known.mean()), float(rate), 4 * float(error), f"{name}: rate of y, within 4 standard errors"),
            Truth(1.0, float((p >= 0).all() and (p <= 1).all()), 0.0, f"{name}: within [0, 1]"),
        ]
    return truths


@check("calibration/label-noise-ceiling", area="calibration", source="entropy of a symmetric channel")
def label_noise_ceiling() -> list[Truth]:
    """With symmetric noise r over C classes, the truth's own loss is H(r) + r log(C - 1), its accuracy 1 - r.

    Within 4 standard errors of the 600 test labels.
    """
    test = calibration_digits_label_noise(0).split("test")
    labels, truth = np.asarray(test.targets), np.asarray(test.truth)
    entropy = -FLIPPED * np.log(FLIPPED / 9) - (1 - FLIPPED) * np.log(1 - FLIPPED)
    loss = -np.log(truth[np.arange(len(labels)), labels])
    agreed = float((truth.argmax(axis=1) == labels).mean())
    return [
        Truth(float(entropy), float(loss.mean()), 4 * float(loss.std() / np.sqrt(len(loss))), "loss of the truth"),
        Truth(1 - FLIPPED, agreed, 4 * float(np.sqrt(FLIPPED * (1 - FLIPPED) / len(labels))), "its accuracy"),
    ]


def _record(logits: Float64s, labels: Ints) -> Classification:
    return Classification(ids=np.arange(len(logits)).astype(np.str_), labels=labels, logits=logits)
