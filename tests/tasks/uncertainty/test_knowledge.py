"""Digits by class and concept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.calibrators.conformal_sets import conformal_knowledge, conformal_lac
from bench.capabilities import Machine
from bench.components import NotApplicable
from bench.conformal.reasoning import excludes, worlds
from bench.errors import RecordError, UsageError
from bench.metrics.sets import set_coverage, set_size
from bench.models.building import build
from bench.records import Classification, Reasoned
from bench.specs import parse
from bench.tasks.uncertainty.knowledge import CONCEPTS, KNOWLEDGE, uncertainty_knowledge


def test_concepts_tell_digits_apart_and_make_sets_smaller() -> None:
    assert len(set(KNOWLEDGE)) == 6  # not every digit is told by its concepts
    assert KNOWLEDGE[8] == "1001"
    examples = uncertainty_knowledge(1)
    model = build(parse("logistic"), Machine())
    model.fit(examples.split("train"), 0)
    asked = examples.take(np.flatnonzero(examples.splits != "train"))
    record = asked.asker(model, None, asked, 0, {"ids": asked.ids, "splits": asked.splits})  # type: ignore[misc]
    assert isinstance(record, Reasoned)
    assert record.concepts.shape == (len(asked), len(CONCEPTS))
    calibration, test = record.split("calibration"), record.split("test")
    plain, known = (f(calibration).apply(test) for f in (conformal_lac, conformal_knowledge))
    assert set_size(known).values.mean() < set_size(plain).values.mean()
    assert set_coverage(known).values.mean() > 0.84
    with pytest.raises(UsageError, match="learns no concepts"):
        asked.asker(object(), None, asked, 0, {"ids": asked.ids})  # type: ignore[misc]


def test_what_does_not_fit_is_refused() -> None:
    columns: dict[str, Any] = {"ids": np.arange(30).astype(str), "logits": np.zeros((30, 2)),
                               "labels": np.arange(30) % 2}  # fmt: skip
    concepts = np.full((30, 3), 0.5)
    record = Reasoned(**columns, concepts=concepts, knowledge=("101", "011"))
    with pytest.raises(NotApplicable, match="no concepts"):
        conformal_knowledge(record).apply(Classification(**columns))
    for knowledge in ((), ("101",), ("101", "01")):
        with pytest.raises(RecordError, match="knowledge"):
            Reasoned(**columns, concepts=concepts, knowledge=knowledge)
    with pytest.raises(RecordError, match="concepts"):
        Reasoned(**columns, concepts=concepts + 1, knowledge=("101", "011"))
    np.testing.assert_array_equal(excludes(0, 1, 1.0).holds(worlds(2)), [True, True, True, False])
