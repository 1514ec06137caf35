"""From a record that came without a task to its results: which calibrators and metrics apply, and which are silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.results import Result
from bench.runners.measure import Measured, measure
from bench.runners.plan import Cell
from bench.runners.wanted import for_record
from bench.specs import Spec
from tests.metrics.cases import classification, regression


def _measured(record: Any) -> Measured:
    cell = Cell(Spec("predictions"), Spec("file"))
    return measure(cell, for_record(record, RunConfig()), record, n_failed=0, seed=0)


def _split(record: Any) -> Any:
    return replace(record, splits=np.where(np.arange(len(record)) % 2, "test", "calibration"))


def _of(results: tuple[Result, ...], prefix: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for r in results:
        if r.calibrator.startswith(prefix):
            found.setdefault(r.calibrator, set()).add(r.metric)
    return found


def test_conformal_sets_are_measured_by_what_they_change() -> None:
    record = _split(replace(classification(400), sets=None, level=0.0))
    done = _measured(record)
    found = _of(done.results, "conformal-")
    assert set(found) == {f"conformal-{name}" for name in ("lac", "aps", "raps", "class", "pac")}
    assert set(map(frozenset, found.values())) == {frozenset({"set-coverage", "set-size", "set-size-violation"})}
    assert done.calibrations["conformal-lac"]["n"] == 200
    assert not any(r.metric.startswith("set-") for r in done.results if not r.calibrator)
    assert done.notes == ()


def test_conformal_intervals_and_repair_apply_where_they_can() -> None:
    forecasts = _split(regression("quantiles", 200))
    found = _of(_measured(forecasts).results, "")
    assert found["conformal-quantile"] == {"coverage-90", "width-90", "interval-score-90"}
    assert "conformal-normalised" not in found  # quantiles have no standard deviation
    assert "quantile-sort" not in found  # none cross
    crossed = replace(regression("quantiles", 50), quantiles=-regression("quantiles", 50).quantiles)  # type: ignore[operator]
    found = _of(_measured(crossed).results, "quantile-")
    assert set(found) == {"quantile-sort", "quantile-isotonic"}  # they need no calibration split
    values = {r.calibrator: r.value for r in _measured(crossed).results if r.metric == "crossing-rate"}
    assert values == {"": 1.0, "quantile-sort": 0.0, "quantile-isotonic": 0.0}
