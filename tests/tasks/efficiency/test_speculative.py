"""The task of speculative sampling, end to end on the embedded pair."""

from __future__ import annotations

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.components import Metric, Task
from bench.errors import UsageError
from bench.models.lm import lm_base
from bench.records import Speculation
from bench.registry import components, find
from bench.runners.ask import ask
from bench.specs import parse
from bench.stats.intervals import interval


def test_the_embedded_pair_gives_a_record_whose_metrics_have_intervals() -> None:
    task = find(Task, "efficiency/speculative")
    examples = task.function(0).take(np.arange(4))
    record = ask(lm_base(machine=Machine()), task, parse("speculative,k=3"), examples, 0).record
    assert isinstance(record, Speculation)
    assert 0 < record.draft_cost < 1
    assert record.overlap.values.mean() > 0.5
    for metric in components(Metric).values():
        if metric.of is Speculation:
            found = interval(metric, record, seed=0)
            low, high = found.interval.low, found.interval.high
            assert low is not None, metric.name
            assert high is not None, metric.name
            assert found.value is not None, metric.name
            assert low <= found.value <= high


def test_a_decoder_that_drafts_nothing_is_refused() -> None:
    task = find(Task, "efficiency/speculative")
    with pytest.raises(UsageError, match="drafts nothing"):
        ask(lm_base(machine=Machine()), task, parse("greedy"), task.function(0).take(np.arange(1)), 0)
