"""Regression metrics under Gaussian truths, and the uncertainty of ensembles."""

from __future__ import annotations

import math

import numpy as np

from bench.checks.cases import exact, ids, measured, simulated
from bench.components import Truth, check
from bench.metrics.coverage import SHARES
from bench.metrics.regression import crps, forecast_nll
from bench.records import Classification, Regression
from bench.seeds import generator


@check("metrics/crps-gaussian", area="uncertainty", source="E CRPS = s / sqrt(pi) for y ~ N(m, s), forecast so")
def crps_gaussian() -> list[Truth]:
    """The right forecast: CRPS s / sqrt(pi) in closed form and from samples, NLL log(s sqrt(2 pi e))."""
    rng = generator(0, "crps-gaussian")
    n, std = 20_000, 3.0
    y = rng.normal(0, std, n)
    record = Regression(ids=ids(n), y=y, mean=np.zeros(n), std=np.full(n, std))
    drawn = Regression(ids=ids(n), y=y, samples=rng.normal(0, std, (n, 4)))
    three = Regression(ids=ids(1), y=np.zeros(1), quantiles=np.array([[-1.0, 0.0, 1.0]]), levels=(0.25, 0.5, 0.75))
    return [
        simulated(std / math.sqrt(math.pi), crps(record).values, "Gaussian form"),
        simulated(std / math.sqrt(math.pi), crps(drawn).values, "four samples, fair form"),
        exact(2 * (0.25 + 0 + 0.25) / 3, measured("crps", three), "three quantiles"),
        simulated(math.log(std * math.sqrt(2 * math.pi * math.e)), forecast_nll(record).values, "NLL"),
    ]


@check("metrics/coverage-scaled-gaussian", area="uncertainty", source="closed form of the normal distribution")
def coverage_scaled_gaussian() -> list[Truth]:
    """Outcomes at the quantiles of N(0, 1), forecasts N(0, 0.7) and N(0, 1.5): shares within one step of the truth."""
    from scipy.special import ndtr, ndtri

    n = 10_000
    y = ndtri((np.arange(n) + 0.5) / n)
    found = []
    for scale in (0.7, 1.5):
        record = Regression(ids=ids(n), y=y, mean=np.zeros(n), std=np.full(n, scale))
        end = scale * ndtri(0.95)
        held = 2 * ndtr(scale * ndtri((1 + SHARES) / 2)) - 1
        at = math.sqrt(2 * math.log(scale) / (scale**2 - 1))
        beyond = math.exp(-end * end / 2) / math.sqrt(2 * math.pi) - end * (1 - ndtr(end))
        rng = generator(0, "interval-score", int(10 * scale))
        draws = np.abs(rng.normal(size=20_000))
        score = 2 * end + 20 * np.maximum(draws - end, 0)
        noisy = Regression(ids=ids(20_000), y=draws, mean=np.zeros(20_000), std=np.full(20_000, scale))
        found += [
            Truth(float(2 * ndtr(end) - 1), measured("coverage-90", record), 1 / n, f"coverage, s = {scale}"),
            Truth(
                float(np.abs(held - SHARES).mean()), measured("coverage-error", record), 1 / n, f"error, s = {scale}"
            ),
            Truth(
                float(abs(ndtr(scale * at) - ndtr(at))), measured("pit-ks", record), 1 / n, f"KS of PIT, s = {scale}"
            ),
            simulated(float(2 * end + 40 * beyond), score, f"interval score by hand, s = {scale}"),
            exact(float(score.mean()), measured("interval-score-90", noisy), f"interval score, s = {scale}"),
            exact(float(2 * end), measured("width-90", record), f"width, s = {scale}"),
        ]
    return found


@check("uncertainty/entropy-split", area="uncertainty", source="closed form")
def entropy_split() -> list[Truth]:
    """Two members sure of opposite classes (p = 0 and 1), and two that agree on the uniform distribution."""
    with np.errstate(divide="ignore"):
        opposed = np.log(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    agreed = np.zeros((2, 3)) - math.log(3)
    record = Classification(
        ids=ids(2), labels=np.zeros(2, dtype=np.int64), logits=np.zeros((2, 3)), members=np.stack([opposed, agreed])
    )
    return [
        exact(math.log(2) / 2, measured("epistemic", record), "mutual information"),
        exact(math.log(3) / 2, measured("aleatoric", record), "expected entropy"),
        exact((math.log(2) + math.log(3)) / 2, measured("total-entropy", record), "entropy of the mixture"),
    ]


@check("uncertainty/variance-split", area="uncertainty", source="law of total variance")
def variance_split() -> list[Truth]:
    """Members drawn with variance 4 between and 0.25 within: both parts are unbiased for any number of members."""
    rng = generator(0, "variance-split")
    n, members = 4000, 3
    means = rng.normal(0, 2, (n, members))
    record = Regression(
        ids=ids(n),
        y=np.zeros(n),
        mean=means.mean(axis=1),
        std=np.ones(n),
        member_means=means,
        member_stds=np.full((n, members), 0.5),
    )
    from bench.metrics.ensembles import epistemic_variance

    return [
        simulated(4.0, epistemic_variance(record).values, "between members"),
        exact(0.25, measured("aleatoric-variance", record), "within members"),
    ]
