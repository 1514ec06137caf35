"""Do 95 % intervals hold the truth 95 % of the time?  By simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from bench.stats.bootstrap import replicates
from bench.stats.design import design
from bench.stats.intervals import interval
from tests.metrics.cases import binary, detection, find

Draw = Callable[[np.random.Generator], Any]


def coverage(name: str, truth: float, draw: Draw, repetitions: int, seed: int = 0) -> float:
    """Share of simulated records whose interval holds the truth."""
    rng = np.random.default_rng(seed)
    metric = find(name)
    held = 0
    for i in range(repetitions):
        ends = interval(metric, draw(rng), seed=i).interval
        held += ends.low is not None and ends.high is not None and ends.low <= truth <= ends.high
    return held / repetitions


def noise(repetitions: int) -> float:
    """4.5 standard errors of a simulated coverage of 95 %."""
    return 4.5 * math.sqrt(0.95 * 0.05 / repetitions)


def _clustered(rng: np.random.Generator, clusters: int, size: int, p: float, icc: float) -> Any:
    """Right answers with probability p, correlated within clusters by a beta-distributed rate."""
    rest = (1 - icc) / icc
    rates = np.repeat(rng.beta(p * rest, (1 - p) * rest, clusters), size)
    groups = np.repeat(np.arange(clusters), size).astype(str)
    return binary(np.full(clusters * size, 0.75), rng.random(clusters * size) < rates, groups=groups)


def _calibrated(rng: np.random.Generator, n: int) -> Any:
    confidence = rng.uniform(0.5, 1, n)
    return binary(confidence, rng.random(n) < confidence)


def _off(rng: np.random.Generator, n: int) -> Any:
    confidence = rng.uniform(0.5, 1, n)
    return binary(confidence, rng.random(n) < confidence - 0.15)


def _two_gaussians(rng: np.random.Generator, n: int) -> Any:
    return detection(np.concatenate([rng.normal(size=n), rng.normal(1, 1, n)]), np.arange(2 * n) >= n)


PHI = 0.5 * (1 + math.erf(0.5))  # Phi(1 / sqrt 2)


def test_clustered_proportions() -> None:
    found = coverage("accuracy", 0.7, lambda rng: _clustered(rng, 20, 10, 0.7, 0.5), 1000)
    assert found > 0.95 - noise(1000)
    naive = coverage("accuracy", 0.7, lambda rng: _without_groups(_clustered(rng, 20, 10, 0.7, 0.5)), 1000)
    assert naive < 0.75  # what ignoring the clusters would cost


def _without_groups(record: Any) -> Any:
    from dataclasses import replace

    return replace(record, groups=None)


def test_auroc_of_few_samples() -> None:
    found = coverage("auroc", PHI, lambda rng: _two_gaussians(rng, 40), 250)
    assert found > 0.95 - noise(250)


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "size", "p", "icc"), [(10, 10, 0.7, 0.5), (50, 4, 0.9, 0.2), (100, 10, 0.7, 0.5)])
def test_clustered_proportions_at_length(clusters: int, size: int, p: float, icc: float) -> None:
    found = coverage("accuracy", p, lambda rng: _clustered(rng, clusters, size, p, icc), 4000)
    assert found > 0.95 - noise(4000)


@pytest.mark.slow
@pytest.mark.parametrize("n", [40, 200])
def test_auroc_at_length(n: int) -> None:
    found = coverage("auroc", PHI, lambda rng: _two_gaussians(rng, n), 1500)
    assert found == pytest.approx(0.95, abs=noise(1500))


@pytest.mark.slow
@pytest.mark.parametrize("n", [200, 1000])
def test_debiased_calibration_error(n: int) -> None:
    at_zero = coverage("ece-debiased", 0.0, lambda rng: _calibrated(rng, n), 800)
    off = coverage("ece-debiased", 0.15**2, lambda rng: _off(rng, n), 800)
    assert at_zero > 0.95 - noise(800)
    assert off == pytest.approx(0.95, abs=noise(800))


def _levels(rng: np.random.Generator, n: int, line: bool) -> Any:
    """Nine confidences .55 .. .95, right .15 less often; or as often as log-odds times .6 say."""
    confidence = rng.choice(np.linspace(0.55, 0.95, 9), n)
    rate = 1 / (1 + (1 / confidence - 1) ** 0.6) if line else confidence - 0.15
    return binary(confidence, rng.random(n) < rate)


@pytest.mark.slow
def test_kernel_error_and_cox_slope() -> None:
    levels = np.linspace(0.55, 0.95, 9)
    truth = 0.15**2 * float(np.exp(-np.abs(levels[:, None] - levels) / 0.4).mean())
    kernel = coverage("kce", truth, lambda rng: _levels(rng, 300, False), 400)
    slope = coverage("cox-slope", 0.6, lambda rng: _levels(rng, 300, True), 400)
    assert kernel == pytest.approx(0.95, abs=noise(400))
    assert slope == pytest.approx(0.95, abs=noise(400))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ece", "ece-mass", "ece-l2", "mce-mass", "ks-calibration"])
def test_of_a_calibrated_model_errors_hold_zero(name: str) -> None:
    # The estimate is never 0 and no resample is, so the percentile interval never holds the truth; tests of it do.
    rng = np.random.default_rng(0)
    metric = find(name)
    held = percentile = 0
    for i in range(200):
        record = _calibrated(rng, 300)
        ends = interval(metric, record, seed=i).interval
        assert ends.low is not None
        held += ends.low <= 0
        if i < 20:
            draws = replicates(partial(metric.function, record), design(300), seed=i)
            percentile += float(np.quantile(draws, 0.025)) <= 0.0
    assert percentile == 0
    assert held / 200 > 0.95 - noise(200)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ece", "ece-mass", "ece-l2"])
def test_of_an_overconfident_model_errors_hold_the_gap(name: str) -> None:
    # All confidences .15 too high: in every bin the gap is .15.
    found = coverage(name, 0.15, lambda rng: _off(rng, 300), 200)
    assert found > 0.95 - noise(200)
