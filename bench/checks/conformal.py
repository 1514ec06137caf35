"""Conformal prediction: coverage that is known exactly, for any sample size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.calibrators import conformal_intervals as intervals
from bench.calibrators import conformal_sets as sets
from bench.checks.cases import ERRORS, exact, ids, measured, simulated
from bench.components import Calibration, Truth, check
from bench.conformal import missing
from bench.conformal.folds import plus
from bench.conformal.thresholds import clopper_pearson, order, pac_errors, pac_threshold, threshold
from bench.metrics.sets import covered
from bench.records import Classification, Regression
from bench.seeds import generator

REPETITIONS = 150
MISSING = ("Conformal Prediction with Missing Values",)
NORMAL_90 = 1.6448536269514722


def classes(rng: np.random.Generator, n: int, start: int = 0) -> Classification:
    """Four classes drawn from p(y|x), and a model that is too sure of itself."""
    logits = rng.normal(0, 1.5, (n, 4))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return Classification(ids=np.arange(start, start + n).astype(np.str_), logits=2 * logits, labels=labels)


def numbers(rng: np.random.Generator, n: int) -> Regression:
    """Outcomes y ~ N(0, s^2), forecast as N(0, (0.7 s)^2) with s of its own for each row."""
    s = rng.uniform(0.5, 2, n)
    return Regression(ids=ids(n), y=rng.normal(0, s), mean=np.zeros(n), std=0.7 * s)


@check("uncertainty/split-conformal", area="uncertainty", source="Vovk, Gammerman and Shafer 2005; exchangeability")
def split_conformal() -> list[Truth]:
    """Coverage over calibration splits of n = 24 is just ceil(25 * 0.9) / 25 = 0.92, and varies as Beta(23, 2).

    Infinite intervals below n = 9; the threshold is the order statistic.
    """
    n, rng = 24, generator(0, "split-conformal")
    truth = order(n, 0.1) / (n + 1)
    methods: dict[str, tuple[Callable[..., Calibration], Callable[..., Any]]] = {
        "LAC": (sets.conformal_lac, classes),
        "APS": (sets.conformal_aps, classes),
        "residual": (intervals.conformal_residual, numbers),
        "normalised": (intervals.conformal_normalised, numbers),
        "CQR": (intervals.conformal_quantile, numbers),
    }
    shares: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(REPETITIONS):
        for name, (method, draw) in methods.items():
            test = draw(rng, 100, 1000) if draw is classes else draw(rng, 100)
            shares[name].append(float(covered(method(draw(rng, n)).apply(test)).mean()))
    limits = np.array([threshold(np.abs(rng.normal(size=n)), 0.1) for _ in range(4000)])
    held = np.array([math.erf(q / math.sqrt(2)) for q in limits])
    variance = truth * (1 - truth) / (n + 2)
    short = intervals.conformal_residual(numbers(rng, 8)).apply(numbers(rng, 3))
    return [
        *(simulated(truth, np.array(found), f"coverage, {name}") for name, found in shares.items()),
        simulated(truth, held, "mean of Beta(23, 2)"),
        simulated(variance, (held - truth) ** 2, "variance of Beta(23, 2)"),
        exact(18.0, float(threshold(np.arange(1.0, 20.0), 0.1)), "threshold of 1 .. 19"),
        exact(1.0, float(np.isinf(threshold(np.arange(8.0), 0.1))), "eight scores bound nothing at 90 %"),
        exact(1.0, measured("coverage-90", short), "intervals without end cover"),
    ]


@check("uncertainty/conditional-coverage", area="uncertainty", source="constructed")
def conditional_coverage() -> list[Truth]:
    """Sets that fail only in one class, one data set, one size and one slab of the features."""
    n = 1000
    x = (np.arange(n) + 0.5) / n - 0.5
    inside = np.abs(x) >= 0.1
    labels = np.where(inside, 0, 1)
    held = np.zeros((n, 3), dtype=bool)
    held[:, 0], held[:, 2] = True, inside
    record = Classification(
        ids=ids(n),
        logits=np.zeros((n, 3)),
        labels=labels,
        sets=held,
        level=0.9,
        features=x[:, None],
        dataset=np.where(x < 0, "left", "right"),
    )
    return [
        exact(0.8, measured("set-coverage", record), "coverage"),
        exact(1.8, measured("set-size", record), "size"),
        exact(0.2, measured("set-singletons", record), "singletons"),
        exact(0.9, measured("set-size-violation", record), "sets of one class never cover"),
        exact(0.0, measured("worst-class-coverage", record), "class 1"),
        exact(0.8, measured("worst-dataset-coverage", record), "each half"),
        exact(0.0, measured("worst-slab-coverage", record), "the slab |x| < 0.1"),
    ]


@check(
    "uncertainty/pac-sets", area="uncertainty", source="Vovk 2012: the error rate given n scores is Beta(k + 1, n - k)"
)
def pac_sets() -> list[Truth]:
    """The binomial tail against Clopper-Pearson, and how often the promise fails over calibration splits."""
    from scipy.special import bdtr

    n, epsilon, delta = 80, 0.1, 0.05
    k = pac_errors(n, epsilon, delta)
    rng = generator(0, "pac-sets")
    failed = np.array([1 - pac_threshold(rng.random(n), epsilon, delta) > epsilon for _ in range(4000)])
    truth, beyond = float(bdtr(k, n, epsilon)), float(bdtr(k + 1, n, epsilon))
    return [
        exact(1.0, float(truth <= delta < beyond), "the most errors"),
        exact(
            1.0, float(clopper_pearson(k, n, delta) <= epsilon < clopper_pearson(k + 1, n, delta)), "Clopper-Pearson"
        ),
        exact(delta, float(bdtr(k, n, clopper_pearson(k, n, delta))), "the bound inverts the tail"),
        Truth(truth, float(failed.mean()), ERRORS * math.sqrt(truth * (1 - truth) / 4000), "how often it fails"),
        exact(
            1.0, float(np.isinf(pac_threshold(rng.random(28), epsilon, delta))), "28 rows prove nothing: 0.9^28 > 0.05"
        ),
    ]


@check(
    "uncertainty/fold-intervals", area="uncertainty", source="Barber et al. 2021, by their definition and by simulation"
)
def fold_intervals() -> list[Truth]:
    """A model that learns nothing: jackknife+ is the plain threshold.  The mean of the rest: coverage over draws of y.

    The theorem promises 1 - 2 alpha; a mean is so stable that it is near 1 - alpha.
    """
    rng = generator(0, "fold-intervals")
    n, alpha = 19, 0.1
    scores = np.abs(rng.normal(size=n))
    zero = np.zeros((2, n))
    lower, upper = plus(zero, zero, np.arange(n), scores, alpha)
    draws = rng.normal(size=(2000, n + 1))
    inside = []
    for row in draws:
        y, new = row[:n], row[n]
        without = (y.sum() - y) / (n - 1)
        low, high = plus(without[None], without[None], np.arange(n), np.abs(y - without), alpha)
        inside.append(bool(low[0] <= new <= high[0]))
    by_hand = sorted(without - np.abs(y - without))[math.floor(alpha * (n + 1)) - 1]
    return [
        exact(threshold(scores, alpha), float(upper[0]), "a constant model: upper end"),
        exact(-threshold(scores, alpha), float(lower[1]), "a constant model: lower end"),
        exact(float(by_hand), float(low[0]), "lower end by its definition"),
        exact(1.0, float(np.mean(inside) >= 1 - 2 * alpha), "coverage at least 1 - 2 alpha"),
    ]


@check(
    "uncertainty/missing-values", area="uncertainty", source="Zaffran et al. 2023; normal distribution", papers=MISSING
)
def missing_values() -> list[Truth]:
    """Outcomes x + noise, and an interval about x, or about 0 where x is missing: coverage where it is missing.

    Given the threshold, coverage is Phi's; over calibration splits it must be ceil((n + 1) 0.9) / (n + 1) for
    CP-MDA-Exact, which a threshold of complete rows does not give.
    """
    rng = generator(0, "missing-values")
    n, alpha, noise = 39, 0.1, 0.5

    def ends(rows: Float64s) -> tuple[Float64s, Float64s]:
        at = np.nan_to_num(rows[:, 0])
        return at - NORMAL_90 * noise, at + NORMAL_90 * noise

    gone, whole = np.array([[np.nan]]), np.array([[0.0]])
    found: dict[str, list[float]] = {"exact": [], "complete": []}
    for _ in range(600):
        x = rng.normal(size=(n, 1))
        y = x[:, 0] + noise * rng.normal(size=n)
        half = missing.exact(ends, x, y, gone, alpha)[1][0]
        found["exact"].append(math.erf(half / math.sqrt(2 * (1 + noise**2))))
        half = missing.exact(ends, x, y, whole, alpha)[1][0]
        found["complete"].append(math.erf(half / math.sqrt(2 * (1 + noise**2))))
    truth = order(n, alpha) / (n + 1)
    seen = rng.normal(size=(5, 1))
    plain = NORMAL_90 * noise + threshold(np.abs(y - x[:, 0]) - NORMAL_90 * noise, alpha)
    return [
        simulated(truth, np.array(found["exact"]), "coverage where x is missing, exact"),
        exact(1.0, float(np.mean(found["complete"]) < 0.6), "a threshold of complete rows under-covers there"),
        exact(float(seen[0, 0] + plain), float(missing.exact(ends, x, y, seen, alpha)[1][0]), "nothing missing: CQR"),
        exact(float(seen[0, 0] + plain), float(missing.nested(ends, x, y, seen, alpha)[1][0]), "the same, nested"),
    ]
