"""Critical tokens of chains by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.components import Metric, NotApplicable
from bench.errors import RecordError
from bench.metrics.critical import critical
from bench.records import Rollouts
from bench.registry import find
from bench.stats.intervals import value

RECORD = Rollouts(
    ids=np.array(["a", "b", "c"]),
    value=Ragged.of([[0.5, 0.25, 0.0, 0.0], [0.0, 0.0], [0.5, 1.0, 1.0]], np.float64),
    correct=np.array([False, False, True]),
    text=np.array(["x", "y", "z"], dtype=object),
    rollouts=4,
)


def test_the_first_token_after_which_all_is_lost() -> None:
    assert critical(np.array([0.5, 0.25, 0.0, 0.0])) == 2
    assert critical(np.array([0.5, 0.0, 0.25, 0.0])) == 3
    assert critical(np.array([0.5, 0.1, 0.1, 0.0]), least=0.2) == 1
    assert critical(np.array([0.0, 0.0])) == 0
    assert critical(np.array([1.0])) == 0


def test_metrics_by_hand() -> None:
    assert value(find(Metric, "critical-share"), RECORD) == 0.5
    assert value(find(Metric, "critical-place"), RECORD) == 0.5
    assert value(find(Metric, "critical-drop"), RECORD) == 0.25
    right = RECORD.take(np.array([2]))
    for name in ("critical-share", "critical-place", "critical-drop"):
        with pytest.raises(NotApplicable):
            value(find(Metric, name), right)


def test_a_chain_s_own_outcome_ends_its_values() -> None:
    with pytest.raises(RecordError, match="own outcome"):
        replace(RECORD, correct=np.array([True, False, True]))
