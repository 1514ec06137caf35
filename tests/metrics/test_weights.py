"""What holds for every metric: weights are repetitions, order is nothing, and values keep to their range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.components import Metric, NotApplicable
from bench.stats.intervals import interval, value
from tests.metrics.cases import ids, metrics, records, rows_of, weights


def _pairs(n: int = 40, seed: int = 0) -> list[tuple[Metric, Any]]:
    """Every metric with every record that it applies to."""
    found = []
    for metric in metrics():
        for record in records(n, seed):
            if isinstance(record, metric.of):
                try:
                    metric.function(record, np.ones((1, n))) if metric.weighted else metric.function(record)
                except NotApplicable:
                    continue
                found.append((metric, record))
    return found


def _name(case: tuple[Metric, Any]) -> str:
    return f"{case[0].name}-{type(case[1]).__name__}"


PAIRS = _pairs()


# Kinds whose metrics have tests of their own, against enumeration and closed forms.
OWN = {
    "Chains",
    "Collapses",
    "Conditionals",
    "Continuations",
    "Events",
    "LastWords",
    "Posterior",
    "Preferences",
    "Programs",
    "Reweighted",
    "Rollouts",
    "Searches",
    "Selections",
    "Several",
}
# What wants pools of one size, answers in several orders, sets of places, exact forecasts, a chain's draws, verifiers'
# verdicts or a decoder's account.
PARTICULAR = {
    "affinity-f1", "affinity-precision", "affinity-recall", "kl-to-exact", "mean-to-exact", "r-hat",
    "series-f1", "series-precision", "series-recall",
    "calls-per-answer", "estimation-error", "maj-at-k", "model-error", "order-flip-rate", "reasoning-error",
    "resample-best-k", "resample-ceiling", "resample-right", "resample-wrong", "verifier-fpr",
}  # fmt: skip


def test_every_metric_applies_to_some_record() -> None:
    assert {m.name for m, _ in PAIRS} == {m.name for m in metrics() if m.of.__name__ not in OWN} - PARTICULAR


@pytest.mark.parametrize("case", PAIRS, ids=_name)
def test_integer_weights_are_repeated_rows(case: tuple[Metric, Any]) -> None:
    metric, record = case
    n = len(record)
    single = rows_of(record, np.arange(n))
    for w in weights(n):
        repeated = rows_of(record, np.repeat(np.arange(n), w.astype(int)))
        expected = value(metric, repeated)
        assert expected is not None
        assert value(metric, replace(single, weights=w)) is not None
        # A set metric is told the repetitions by its argument; a record's own weights are importances.
        found = metric.function(single, w[None])[0] if metric.weighted else value(metric, replace(single, weights=w))
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", PAIRS, ids=_name)
def test_weights_of_a_record_have_no_scale(case: tuple[Metric, Any]) -> None:
    metric, record = case
    w = np.random.default_rng(1).uniform(0.2, 3, len(record))
    assert value(metric, replace(record, weights=w / 1000)) == pytest.approx(
        value(metric, replace(record, weights=w)), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("case", PAIRS, ids=_name)
def test_order_of_rows_changes_nothing(case: tuple[Metric, Any]) -> None:
    metric, record = case
    order = np.random.default_rng(2).permutation(len(record))
    assert value(metric, rows_of(record, order)) == pytest.approx(
        value(metric, rows_of(record, np.arange(len(record)))), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("case", [c for c in PAIRS if c[0].weighted], ids=_name)
def test_rows_of_weights_are_measured_one_by_one(case: tuple[Metric, Any]) -> None:
    metric, record = case
    w = weights(len(record), seed=3)
    together = metric.function(record, w)
    assert together.shape == (len(w),)
    np.testing.assert_allclose(together, [metric.function(record, row[None])[0] for row in w], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", [c for c in PAIRS if c[0].weighted], ids=_name)
def test_no_weight_at_all_is_undefined(case: tuple[Metric, Any]) -> None:
    metric, record = case
    with np.errstate(all="ignore"):
        assert np.isnan(metric.function(record, np.zeros((1, len(record))))).all()


@settings(max_examples=3, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_values_and_ends_keep_to_the_range(n: int, seed: int) -> None:
    for metric, record in _pairs(n, seed):
        if metric.weighted and seed % 5:  # the bootstrap takes longest
            continue
        estimate = interval(metric, record, seed=seed)
        low, high = metric.range
        for number in (estimate.value, estimate.interval.low, estimate.interval.high):
            if number is not None:
                assert low is None or number >= low - 1e-12, metric.name
                assert high is None or number <= high + 1e-12, metric.name


def test_one_row_has_a_value_and_no_interval() -> None:
    for metric, record in _pairs(2):
        one = rows_of(record, np.array([0]))
        try:
            estimate = interval(metric, one, seed=0)
        except NotApplicable:
            continue
        assert estimate.interval.low is None
        assert estimate.interval.high is None
        assert estimate.interval.method.startswith("none: one sample")


def test_every_metric_says_what_it_is() -> None:
    for metric in metrics():
        assert metric.source, metric.name
        assert len(metric.doc) > 40, metric.name
        assert metric.area in {"likelihood", "calibration", "ood", "uncertainty", "reasoning", "efficiency", "general"}


def test_ids_are_distinct() -> None:
    assert len(set(ids(40))) == 40
