from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.components import NotApplicable
from bench.records import Density
from bench.stats.intervals import Estimate, interval, intervals, value
from bench.stats.wilson import wilson
from tests.metrics.cases import binary, classification, find, ids, random_detection, regression

Z = 1.959963984540054


def test_method_for_each_kind_of_metric() -> None:
    record = classification(60)
    expected = {
        "accuracy": "wilson",
        "nll": "t",
        "ece": "test inversion, conservative",
        "aurc": "bootstrap BCa",
    }
    for name, method in expected.items():
        estimate = interval(find(name), record, seed=0)
        assert estimate.interval.method == method
        assert estimate.groups == 60
        assert estimate.value == pytest.approx(value(find(name), record))
    grouped = replace(record, groups=np.repeat(np.arange(20), 3).astype(str))
    assert interval(find("nll"), grouped, seed=0).interval.method == "t(CR1)"
    assert interval(find("accuracy"), grouped, seed=0).interval.method.startswith("wilson, design effect")
    assert interval(find("aurc"), grouped, seed=0).groups == 20
    assert interval(find("rmse"), regression(), seed=0).interval.method == "t"


def test_estimate_unpacks() -> None:
    number, ends, groups = interval(find("auroc"), random_detection(), seed=0)
    assert isinstance(number, float)
    assert ends.low is not None
    assert ends.high is not None
    assert ends.low < number < ends.high
    assert groups == 40


def test_equal_seeds_give_equal_ends() -> None:
    record = classification(60)
    assert interval(find("aurc"), record, seed=1) == interval(find("aurc"), record, seed=1)
    assert interval(find("aurc"), record, seed=1) != interval(find("aurc"), record, seed=2)


def test_failures_count_as_wrong_and_widen_to_what_they_could_be() -> None:
    record = binary(np.full(80, 0.8), np.arange(80) < 60, n_failed=20)
    estimate = interval(find("accuracy"), record, seed=0)
    assert estimate.value == 0.6
    assert estimate.interval.low == pytest.approx(wilson(0.6, 100, Z)[0])
    assert estimate.interval.high == pytest.approx(wilson(0.8, 100, Z)[1])
    assert estimate.interval.method == "wilson + attrition bounds"
    assert estimate.groups == 80


def test_failures_of_a_loss_count_at_its_top() -> None:
    record = binary(np.full(40, 0.8), np.arange(40) < 30, n_failed=10)
    estimate = interval(find("brier"), record, seed=0)
    losses = np.where(np.arange(40) < 30, 2 * 0.2**2, 2 * 0.8**2)
    assert estimate.value == pytest.approx((losses.sum() + 10 * 2) / 50)
    whole = replace(record, n_failed=0)
    assert estimate.interval.low is not None
    assert estimate.interval.high is not None
    assert estimate.interval.low < losses.sum() / 50
    assert estimate.interval.high > (losses.sum() + 10 * 2) / 50
    assert estimate.interval.method == "t + attrition bounds"
    assert interval(find("brier"), whole, seed=0).value == pytest.approx(losses.mean())


def test_failures_weigh_as_much_as_the_others() -> None:
    record = binary(np.full(4, 0.8), [1, 1, 1, 0], n_failed=4, weights=np.array([2.0, 2, 2, 2]))
    assert interval(find("accuracy"), record, seed=0).value == pytest.approx(3 / 8)


def test_failures_in_clusters_are_clusters_of_their_own() -> None:
    record = binary(np.full(8, 0.8), [1, 1, 0, 0, 1, 1, 0, 0], n_failed=2, groups=np.array(list("aabbccdd")))
    estimate = interval(find("accuracy"), record, seed=0)
    assert estimate.value == 0.4
    assert estimate.groups == 4
    assert estimate.interval.method.endswith("+ attrition bounds")


@pytest.mark.parametrize("name", ["nll", "ece", "overconfidence"])
def test_failures_that_nothing_bounds_leave_no_interval(name: str) -> None:
    record = classification(60, n_failed=3)
    estimate = interval(find(name), record, seed=0)
    assert estimate.value == pytest.approx(value(find(name), record))
    assert (estimate.interval.low, estimate.interval.high) == (None, None)
    assert estimate.interval.method == "none: 3 failed, and what they would add has no bound"


def test_all_failed() -> None:
    record = binary(np.zeros(0), np.zeros(0), n_failed=9)
    estimate = interval(find("accuracy"), record, seed=0)
    assert estimate.value == 0.0
    assert (estimate.interval.low, estimate.interval.high) == (0.0, 1.0)
    nothing = interval(find("nll"), record, seed=0)
    assert nothing.value is None
    assert nothing.interval.low is None


def test_empty_records_measure_nothing() -> None:
    for name in ("accuracy", "nll", "ece", "aurc"):
        estimate: Estimate = interval(find(name), binary(np.zeros(0), np.zeros(0)), seed=0)
        assert (estimate.value, estimate.interval.method, estimate.groups) == (None, "none: no sample", 0)


def test_infinite_means_stay_infinite_without_interval() -> None:
    record = Density(ids=ids(3), log_prob=np.array([-1, -2, -np.inf]), dim=np.ones(3, dtype=np.int64))
    estimate = interval(find("nll-nats"), record, seed=0)
    assert estimate.value == np.inf
    assert estimate.interval.low is None


def test_what_does_not_apply_is_said() -> None:
    with pytest.raises(NotApplicable):
        interval(find("mse-p"), binary([0.9, 0.8], [1, 0]), seed=0)


def test_metrics_measured_together_are_those_measured_alone() -> None:
    record = classification(60)
    names = ["ece", "ece-null", "ece-debiased", "aurc", "augrc", "risk-at-80", "accuracy", "mse-p"]
    metrics = [find(name) for name in names]
    together = intervals(metrics, record, seed=4)
    assert together == [interval(metric, record, seed=4) for metric in metrics]
    bare = binary([0.6, 0.9], [1, 0])  # no truth
    found = intervals(metrics, bare, seed=4)
    assert [isinstance(each, NotApplicable) for each in found] == [name == "mse-p" for name in names]
