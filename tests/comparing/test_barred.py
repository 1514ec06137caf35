"""What comparing cannot do, and numbers that are no plain metric of the registry."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bench.comparing.comparison import Choice, compare
from bench.comparing.gathering import side
from bench.errors import NotComparableError, UsageError
from bench.gates import baseline
from bench.gates.judging import gate
from bench.records import long
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.gates.worlds import policy
from tests.reports import synthetic

ASKED = Wanted("calibration", ("accuracy", "ece,bins=30"), more=("ece,bins=30",))


def made(path: Path, sharp: float = 1.0) -> RunFolder:
    record = synthetic.classification(1)
    record = replace(record, logits=record.logits * sharp + (sharp - 1) * np.eye(4)[0])
    return synthetic.make(path, [("m", "calibration/x", "", record, ASKED)])


def test_records_too_long_to_pair_are_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b", 1.2)
    monkeypatch.setattr(long, "MOST", 1)
    one, other = side(first, "a"), side(second, "b")
    with pytest.raises(NotComparableError, match="nothing can be compared") as told:
        compare(one, [other], Choice())
    assert "480 rows are too many" in told.value.cause
    judged = gate(policy(), one, other, today=date(2027, 1, 1), created="")
    assert (judged.verdict, judged.exit_code) == ("invalid", 4)
    assert "480 rows are too many" in (judged.checks[0].reason or "")
    floor = gate(policy({"metric": "accuracy", "floor": 0.5}), one, other, today=date(2027, 1, 1), created="")
    assert floor.exit_code == 4
    with pytest.raises(UsageError) as kept:
        baseline.save(one, tmp_path / "baseline.json", keep=lambda *_: True)
    assert "480 rows" in kept.value.cause
    assert not (tmp_path / "baseline.json").exists()


def test_a_long_candidate_is_not_held_against_a_baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b", 1.2)
    baseline.save(side(first, "a"), tmp_path / "baseline.json", keep=lambda *_: True)
    monkeypatch.setattr(long, "MOST", 1)
    stored = baseline.read(tmp_path / "baseline.json")
    assert gate(policy(), stored, side(second, "b"), today=date(2027, 1, 1), created="").exit_code == 4


def test_metrics_with_parameters_are_paired_by_their_whole_name(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b", 2.0)
    rows = {r.metric: r for r in compare(side(first, "a"), [side(second, "b")], Choice())[0].rows}
    row = rows["ece,bins=30"]
    told = {r["metric"]: r["value"] for r in json.loads((second.path / "results.json").read_text())["results"]}
    assert row.candidate == pytest.approx(told["ece,bins=30"])
    assert row.contrast is not None
    assert row.contrast.p_value is not None
    baseline.save(side(first, "a"), tmp_path / "baseline.json", keep=lambda *_: True)
    rule = {"metric": "ece,bins=30", "margin": 0.01}
    judged = gate(
        policy(rule), baseline.read(tmp_path / "baseline.json"), side(second, "b"), today=date(2027, 1, 1), created=""
    )
    assert judged.checks[0].verdict == "fail"
