"""The harness's aggregations with bench's intervals: its own values, from its own functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from lm_eval.api import metrics as theirs

from bench.components import NotApplicable
from bench.harness import values
from bench.harness.groups import Part, TaskGroup, group_metrics, joined
from bench.harness.metrics import own_metrics
from bench.records import Record, Responses
from bench.specs import Spec
from bench.stats.intervals import interval

RNG = np.random.default_rng(5)
N = 60


class Task:
    """As much of a harness task as its metrics need."""

    def __init__(self, **aggregations: Callable[..., Any]) -> None:
        self._aggregations = aggregations

    def aggregation(self) -> dict[str, Callable[..., Any]]:
        return self._aggregations

    def higher_is_better(self) -> dict[str, bool]:
        return dict.fromkeys(self._aggregations, True)


def record_of(rows: Sequence[dict[str, Any]]) -> Responses:
    return Responses(
        ids=np.array([str(k) for k in range(len(rows))]),
        task_values=np.array([values.written(row) for row in rows], dtype=object),
    )


def measured(aggregation: Callable[..., Any], items: Sequence[Any]) -> Any:
    record = record_of([{"m,none": item} for item in items])
    (metric,) = own_metrics(Task(m=aggregation), record)
    return interval(metric, record, seed=0)


PAIRS = [(int(g), int(p)) for g, p in zip(RNG.integers(0, 2, N), RNG.integers(0, 2, N), strict=True)]
THREES = [(int(g), int(p)) for g, p in zip(RNG.integers(0, 3, N), RNG.integers(0, 3, N), strict=True)]
LOGLIK = [(-float(x), int(w)) for x, w in zip(RNG.gamma(3.0, 9.0, N), RNG.integers(4, 30, N), strict=True)]
PROBS = [(int(g), p) for g, p in zip(RNG.integers(0, 4, N), RNG.dirichlet(np.ones(4), N), strict=True)]
CASES: dict[str, tuple[Callable[..., Any], Sequence[Any]]] = {
    "mean of zeros and ones": (theirs.mean, [p for p, _ in PAIRS]),
    "mean of numbers": (theirs.mean, [x for x, _ in LOGLIK]),
    "mean without NaN": (theirs.nanmean, [math.nan if k % 7 == 0 else x for k, (x, _) in enumerate(LOGLIK)]),
    "perplexity": (theirs.perplexity, [x / 9 for x, _ in LOGLIK]),
    "weighted perplexity": (theirs.weighted_perplexity, LOGLIK),
    "bits per byte": (theirs.bits_per_byte, LOGLIK),
    "brier": (theirs.brier_score, PROBS),
    "f1": (theirs.f1_score, PAIRS),
    "mcc of two": (theirs.matthews_corrcoef, PAIRS),
    "mcc of three": (theirs.matthews_corrcoef, THREES),
    "median": (theirs.median, [x for x, _ in LOGLIK]),
    "median of few": (theirs.median, [x for x, _ in LOGLIK[:8]]),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_the_harnesss_and_have_intervals(name: str) -> None:
    aggregation, items = CASES[name]
    found = measured(aggregation, items)
    assert found.value == pytest.approx(float(aggregation(list(items))), rel=1e-12)
    assert found.interval.low <= found.value <= found.interval.high
    assert found.interval.low < found.interval.high


@pytest.mark.parametrize(("name", "truth"), [("f1", 0.5), ("mcc of two", 0.0)])
def test_resampled_intervals_hold_the_truth(name: str, truth: float) -> None:
    # Fair coins on both sides: F1 is 1/2, the correlation 0.
    aggregation = CASES[name][0]
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(100):
        gold, said = rng.integers(0, 2, (2, 80))
        found = measured(aggregation, list(zip(gold.tolist(), said.tolist(), strict=True))).interval
        held += found.low <= truth <= found.high
    assert 88 <= held <= 100  # 95 expected; fewer than 88 has probability .002


def test_an_aggregation_of_the_tasks_own_has_its_value_and_says_why_it_has_no_interval() -> None:
    def widest(items: Sequence[tuple[int, int]]) -> int:
        return max(abs(a - b) for a, b in items)

    found = measured(widest, [(1, 5), (2, 2)])
    assert found.value == 4
    assert found.interval.low is None
    assert "'widest'" in found.interval.method


def test_a_mean_of_that_name_from_elsewhere_is_not_taken_for_the_harnesss() -> None:
    def mean(items: Sequence[float]) -> float:
        return 7.0

    assert measured(mean, [1.0, 2.0, 3.0]).value == 7.0


def test_a_metric_counts_the_documents_that_have_it() -> None:
    record = record_of([{"m,none": 1.0}, {"other,none": 3.0}, {"m,none": 0.0}])
    found = {m.name: interval(m, record, seed=0).value for m in own_metrics(Task(), record)}
    assert found == {"lm-eval:m": 0.5, "lm-eval:other": 3.0}


def test_filters_are_named_where_there_are_several() -> None:
    record = record_of([{"m,none": 1, "m,strict": 0}, {"m,none": 1, "m,strict": 1}])
    assert [m.name for m in own_metrics(Task(), record)] == ["lm-eval:m", "lm-eval:m,strict"]


def test_a_record_of_another_task_says_that_nothing_applies() -> None:
    with pytest.raises(NotApplicable):
        own_metrics(Task(), Responses(ids=np.array(["a"])))


@pytest.mark.parametrize("value", [None, True, 3, -0.0, 1e-300, "é\n", (1, (2.5, "x")), [1, [2]], {"a": (1,), 2: [3]}])
def test_values_come_back_as_they_were(value: Any) -> None:
    back = values.read(values.written({"m": value}))["m"]
    assert back == value
    assert type(back) is type(value)


def test_arrays_sets_and_scalars_of_numpy_come_back() -> None:
    back = values.read(values.written({"a": np.arange(3.0), "s": {2, 1}, "x": np.float64(0.1), "b": np.bool_(True)}))
    np.testing.assert_array_equal(back["a"], np.arange(3.0))
    assert (back["s"], back["x"], back["b"]) == ({1, 2}, 0.1, True)


def parts_of(sizes: Sequence[int], aggregation: Callable[..., Any], make: Callable[[int], Any]) -> list[Part]:
    found = []
    for size in sizes:
        record = record_of([{"m,none": make(k)} for k in range(size)])
        found.append(Part(record, {m.name: m for m in own_metrics(Task(m=aggregation), record)}))
    return found


def grouped(parts: Sequence[Part], by_size: bool) -> Any:
    group = TaskGroup(Spec("lm-eval", "all"), (), ({"metric": "m", "weight_by_size": by_size},))
    record: Record = joined(parts)
    (metric,) = group_metrics(group, parts, record)
    return interval(metric, record, seed=0)


@pytest.mark.parametrize("by_size", [True, False])
@pytest.mark.parametrize("name", ["mean of zeros and ones", "perplexity", "f1"])
def test_groups_are_aggregated_as_the_harness_does(name: str, by_size: bool) -> None:
    aggregation, items = CASES[name]
    sizes = [12, 30, 60]
    parts = parts_of(sizes, aggregation, lambda k: items[k])
    expected = theirs.aggregate_subtask_metrics(
        [float(aggregation(list(items[:size]))) for size in sizes], sizes, by_size
    )
    found = grouped(parts, by_size)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert found.interval.low < found.value < found.interval.high


def test_equal_tasks_weigh_the_same_either_way() -> None:
    parts = parts_of([20, 20], theirs.mean, lambda k: k % 3)
    assert grouped(parts, True).value == pytest.approx(grouped(parts, False).value)
