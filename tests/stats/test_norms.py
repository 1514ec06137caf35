from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.components import Metric, Norm, NotApplicable
from bench.forecasts.forms import pit
from bench.registry import chosen, components
from bench.stats.norms import inverted, normed
from tests.metrics.cases import records

WITH_GAPS = [m for m in components(Metric).values() if m.gaps is not None]


@pytest.mark.parametrize("metric", WITH_GAPS, ids=lambda m: m.name)
def test_a_metric_is_the_norm_of_its_gaps(metric: Metric) -> None:
    # At the record's own weights: bins of equal weight are those of the record, on all resamples.
    seen = 0
    drawn = np.random.default_rng(0).poisson(1, 60).astype(float)
    for record in [*records(60), *(replace(r, weights=drawn) for r in records(60) if hasattr(r, "weights"))]:
        w = np.ones((1, 60)) if record.weights is None else drawn[None]
        try:
            value = metric.function(record, w)
        except (NotApplicable, AttributeError):
            continue
        assert metric.gaps is not None
        assert metric.norm is not None
        found = normed(metric.gaps(record, w), metric.norm)
        if metric.name == "pit-ks":
            # Its gaps are taken in the middle of each step, half of which adds to the distance at one of its ends.
            step = np.bincount(np.unique(pit(record), return_inverse=True)[1], w[0]).max() / w.sum()
            assert -1e-12 <= value[0] - found[0] <= step / 2 + 1e-12
        elif "debiased" not in metric.name:  # of these the norm is the biased form
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
        seen += 1
    assert seen


CASES = {
    "nothing": np.zeros(12),
    "one": np.array([6.0] + [0.0] * 11),
    "all": np.full(12, 1.5),
    "some": np.array([3.0] * 4 + [0.0] * 8),
}


@pytest.mark.parametrize("norm", ["l1", "l2", "square", "max", "positive"])
@pytest.mark.parametrize("case", CASES)
def test_the_truth_is_held(norm: Norm, case: str) -> None:
    rng = np.random.default_rng(0)
    spread = np.exp(0.5 * rng.normal(size=12))
    real = CASES[case] * spread
    held, repetitions = 0, 200
    for _ in range(repetitions):
        gaps = real + spread * rng.normal(size=12)
        ends = inverted(gaps, gaps + spread * rng.normal(size=(300, 12)), norm)
        assert ends is not None
        held += ends[0] <= float(normed(real, norm)) + 1e-9 <= ends[1] + 2e-9
    assert held / repetitions > 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / repetitions)


def test_of_a_large_gap_it_is_the_usual_interval() -> None:
    noise = np.random.default_rng(0).normal(size=(4000, 1))
    ends = inverted(np.array([50.0]), 50 + noise, "l1")
    assert ends == pytest.approx((48.04, 51.96), abs=0.15)


def test_nothing_varies() -> None:
    assert inverted(np.ones(3), np.ones((10, 3)), "l1") is None


def test_parameters_of_a_metric_reach_its_gaps() -> None:
    metric = chosen(Metric, "ece,bins=3")
    record = records(60)[0]
    w = np.ones((1, 60))
    assert metric.name == "ece,bins=3"
    assert metric.gaps is not None
    assert metric.gaps(record, w).shape == (1, 3)
    assert normed(metric.gaps(record, w), "l1") == pytest.approx(metric.function(record, w))
