"""Accuracy in the parts of a task, and gaps between them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.components import NotApplicable
from bench.metrics.parts import accuracy_in, parts
from bench.metrics.recall import recall_metrics
from bench.records import Choices
from bench.stats.intervals import interval, value
from bench.stats.wilson import wilson


def _record(right: list[int], part: list[str], groups: list[str] | None = None) -> Choices:
    logs = [[-0.1, -3.0] if hit else [-3.0, -0.1] for hit in right]
    return Choices(
        ids=np.arange(len(right)).astype(str),
        labels=np.zeros(len(right), dtype=np.int64),
        loglik=Ragged.of(logs, np.float64),
        dataset=np.array(part),
        groups=None if groups is None else np.array(groups),
    )


def test_shares_and_gaps_by_hand() -> None:
    record = _record([1, 1, 0, 1, 0, 0], ["a", "a", "a", "b", "b", "b"])
    found = {metric.name: value(metric, record) for metric in parts("a", "b", gaps=[("a", "b")])(record)}
    assert found == {
        "accuracy-a": pytest.approx(2 / 3),
        "accuracy-b": pytest.approx(1 / 3),
        "gap-a-b": pytest.approx(1 / 3),
    }


def test_a_share_of_a_part_has_wilson_s_interval_even_at_zero() -> None:
    record = _record([0] * 10 + [1] * 5, ["a"] * 10 + ["b"] * 5)
    estimates = [interval(metric, record, seed=0) for metric in parts("a", "b")(record)]
    for estimate, (p, n) in zip(estimates, ((0.0, 10), (1.0, 5)), strict=True):
        low, high = wilson(p, n, 1.959963984540054)
        assert estimate.interval.low == pytest.approx(low)
        assert estimate.interval.high == pytest.approx(high)


def test_pairs_make_a_gap_sharper() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(200) < 0.5
    right = [int(h) for h in hard] * 2  # both parts right on the same questions
    part = ["a"] * 200 + ["b"] * 200
    names = [str(i) for i in range(200)] * 2
    gap = parts("a", "b", gaps=[("a", "b")])(_record(right, part))[-1]
    paired = interval(gap, _record(right, part, names), seed=0).interval
    apart = interval(gap, _record(right, part), seed=0).interval
    assert apart.low is not None
    assert apart.high is not None
    assert apart.high - apart.low > 0.1
    assert paired.low is None or paired.high == pytest.approx(paired.low)


def test_a_missing_part_is_said() -> None:
    with pytest.raises(NotApplicable, match="part 'c'"):
        accuracy_in(_record([1, 0], ["a", "b"]), part="c")
    metric = recall_metrics(_record([1], ["plain"]))[0]
    with pytest.raises(NotApplicable, match="claimed"):
        metric.function(_record([1, 0], ["plain", "plain"]))
