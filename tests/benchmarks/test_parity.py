from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks import parity
from benchmarks.parity import Row


def test_a_difference_that_is_no_number_is_none_that_is_borne() -> None:
    assert Row("a", "b", 1, 0.0, 1e-9).held
    assert not Row("a", "b", 1, 2e-9, 1e-9).held
    assert not Row("a", "b", 1, math.nan, 1e-9).held


def test_what_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [Row("ece", "netcal", 4, 1e-16, 1e-9), Row("auroc", "scikit-learn", 3, 0.1, 1e-9, "by its curve")]
    monkeypatch.setattr(parity, "metrics", lambda: iter(rows))
    monkeypatch.setattr(parity, "statistics", lambda: iter([]))
    out = tmp_path / "parity.md"
    assert parity.main(["--out", str(out)]) == 1
    assert "| auroc | scikit-learn | 3 | 1e-01 | by its curve |" in out.read_text("utf-8")
    assert "auroc" in capsys.readouterr().err


@pytest.mark.slow
def test_other_libraries_find_the_same_numbers() -> None:
    rows = [*parity.metrics(), *parity.statistics()]
    assert len(rows) > 50
    assert [row for row in rows if not row.held] == []
