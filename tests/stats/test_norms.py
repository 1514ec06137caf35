from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.arrays import Float64s
from bench.components import Metric, Norm, NotApplicable
from bench.forecasts.forms import pit
from bench.metrics.uniformity import PLACES
from bench.records import Classification
from bench.registry import chosen, components, find
from bench.stats.norms import inverted, normed
from benchmarks.worlds.events import right_events
from benchmarks.worlds.posteriors import right_posteriors
from tests.metrics.cases import records

# Known by some of their rows or places, which many rows bring as near as one likes.
NEARLY = {"mmce": 0.02, "kce": 0.04, "skce": 0.04, "smooth-ece": 0.01, "ici": 0.02, "e50": 0.06, "e90": 0.06}
NEARLY |= {"mcb-brier": 0.1, "dsc-brier": 0.1, "mcb-log": 0.1, "dsc-log": 0.1}
WITH_GAPS = [m for m in components(Metric).values() if m.gaps is not None and m.name not in NEARLY]


Values = tuple[Float64s, Float64s]  # held against the uniform law, and their weights


def largest(values: Float64s, w: Float64s) -> float:
    """Share of the weight that the heaviest value has, or as many of them as lie between two places of a path."""
    each = np.bincount(np.unique(values, return_inverse=True)[1], w)
    return float(each.max() / w.sum()) * math.ceil(len(each) / (PLACES - 1))


def waits(record: Any, w: Float64s) -> Values:
    return record.residuals.values, np.repeat(w, record.residuals.lengths)


STEPPED: dict[str, Callable[[Any, Float64s], Values]] = {
    "pit-ks": lambda record, w: (pit(record), w),
    "rescaling-distance": waits,
}


@pytest.mark.parametrize("metric", WITH_GAPS, ids=lambda m: m.name)
def test_a_metric_is_the_norm_of_its_gaps(metric: Metric) -> None:
    # At the record's own weights: bins of equal weight are those of the record, on all resamples.
    seen = 0
    drawn = np.random.default_rng(0).poisson(1, 60).astype(float)
    every = [*records(60), *(draw(np.random.default_rng(0), 60, False) for draw in (right_posteriors, right_events))]
    for record in [*every, *(replace(r, weights=drawn) for r in every if hasattr(r, "weights"))]:
        w = np.ones((1, 60)) if record.weights is None else drawn[None]
        try:
            value = metric.function(record, w)
        except (NotApplicable, AttributeError):
            continue
        assert metric.gaps is not None
        assert metric.norm is not None
        assert not callable(metric.norm)
        found = normed(metric.gaps(record, w), metric.norm)
        if metric.name in STEPPED:
            # Gaps are taken in the middle of each step, half of which adds to the distance at one of its ends.
            step = largest(*STEPPED[metric.name](record, w[0]))
            assert -1e-12 <= value[0] - found[0] <= step / 2 + 1e-12
        elif "debiased" not in metric.name:  # of these the norm is the biased form
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12)
        seen += 1
    assert seen


@pytest.mark.parametrize("name", NEARLY)
def test_a_metric_is_nearly_what_its_gaps_say(name: str) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4_000, 3))
    labels = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    record = Classification(ids=np.arange(len(z)).astype(str), logits=1.5 * z, labels=labels)
    metric, w = find(Metric, name), np.ones((1, len(z)))
    assert metric.gaps is not None
    assert metric.norm is not None
    norm = metric.norm(record) if callable(metric.norm) else metric.norm
    (value,) = metric.function(record, w)
    found = normed(metric.gaps(record, w), norm)[0]
    if name in {"kce", "skce"}:  # of the gaps it is the biased form, larger by pairs of a row and itself
        own = (record.probs**2).sum(axis=1) + 1 - 2 * record.probs[np.arange(len(z)), labels]
        own = own if name == "skce" else (record.confidence - record.correct) ** 2
        found = (found * len(z) - own.mean()) / (len(z) - 1)
    assert found == pytest.approx(value, rel=NEARLY[name])


def test_noise_that_moves_all_gaps_together_may_have_hidden_their_size() -> None:
    # A share too low at every level: noise of all of them lifts some above it, and by these signs it would cancel.
    rng = np.random.default_rng(0)
    real = -np.linspace(0.2, 1, 10)
    held, repetitions = 0, 100
    for _ in range(repetitions):
        noise = 0.6 * rng.normal(size=(301, 1)) + 0.05 * rng.normal(size=(301, 10))
        gaps = real + noise[0]
        ends = inverted(gaps, gaps + noise[1:], "l1")
        assert ends is not None
        held += ends[0] <= np.abs(real).sum() <= ends[1]
    assert held / repetitions > 0.95 - 3 * math.sqrt(0.95 * 0.05 / repetitions)


def test_gaps_that_cancel_are_not_taken_to_be_certain() -> None:
    # Three classes whose gaps add up to 0 in every cell: with one sign for all, their noise would cancel in the norm.
    rng = np.random.default_rng(0)
    real = np.array([[0.4, -0.2, -0.2], [0.3, -0.1, -0.2]]).ravel()
    held, repetitions = 0, 300
    for _ in range(repetitions):
        noise = 0.05 * rng.normal(size=(301, 2, 3))
        noise -= noise.mean(axis=2, keepdims=True)
        gaps = real + noise[0].ravel()
        ends = inverted(gaps, gaps + noise[1:].reshape(300, 6), "l1")
        assert ends is not None
        held += ends[0] <= np.abs(real).sum() <= ends[1]
    assert held / repetitions > 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / repetitions)


@pytest.mark.parametrize("real", [(0.0, 0.0), (2.0, 0.0), (1.0, 3.0), (0.0, 6.0)])
def test_a_form_of_a_smooth_curve_is_held(real: tuple[float, float]) -> None:
    # The median distance of a line from 0, of which level and slope are uncertain.
    rng = np.random.default_rng(0)
    x = np.stack([np.ones(64), np.linspace(-1, 1, 64)])

    def form(gaps: Float64s) -> Float64s:
        middle: Float64s = np.median(np.abs(gaps), axis=1)
        return middle

    held, repetitions = 0, 300
    for _ in range(repetitions):
        line = real + rng.normal(size=2)
        ends = inverted(line @ x, (line + rng.normal(size=(300, 2))) @ x, form)
        assert ends is not None
        held += ends[0] <= form((np.array(real) @ x)[None])[0] <= ends[1]
    assert held / repetitions > 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / repetitions)


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


@pytest.mark.parametrize("case", CASES)
def test_a_number_less_a_norm_is_held(case: str) -> None:
    # The noise of the number goes along with that of the gaps, as accuracy does with calibration.
    rng = np.random.default_rng(0)
    spread = np.exp(0.5 * rng.normal(size=12))
    real = np.insert(CASES[case] * spread, 0, 40.0)

    def noise(n: int) -> Float64s:
        own = spread * rng.normal(size=(n, 12))
        return np.concatenate([own.sum(axis=1, keepdims=True) + rng.normal(size=(n, 1)), own], axis=1)

    held, repetitions = 0, 200
    for _ in range(repetitions):
        gaps = real + noise(1)[0]
        ends = inverted(gaps, gaps + noise(300), "rest")
        assert ends is not None
        held += ends[0] <= float(normed(real, "rest")) <= ends[1]
    assert held / repetitions > 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / repetitions)


def test_a_number_less_gaps_that_do_not_vary_has_the_usual_interval() -> None:
    draws = np.array([[10.0, 1.0, -2.0]]) + np.random.default_rng(0).normal(size=(4000, 1)) * [1.0, 0.0, 0.0]
    assert inverted(np.array([10.0, 1.0, -2.0]), draws, "rest") == pytest.approx((5.04, 8.96), abs=0.15)
    assert inverted(np.ones(3), np.ones((10, 3)), "rest") is None


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
