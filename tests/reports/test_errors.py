"""Figures of what a model's doubt says of its errors, and tables of where it errs most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.arrays import AnyArray
from bench.records import Classification
from bench.reports import charts, curves
from bench.reports.material import Cell, Material
from bench.reports.sections import errors, slices
from bench.runners.folder import RunFolder
from bench.stats.wilson import wilson
from tests.reports import synthetic

Z = 1.959963984540054


def test_the_band_of_risk_is_wilsons_at_each_coverage() -> None:
    random = np.random.default_rng(0)
    confidence = random.random(100)
    correct = random.random(100) < confidence
    curve = curves.risk_coverage(confidence, correct)
    order = np.argsort(-confidence)
    for place, share in enumerate(curve.coverage):
        k = round(share * 100)
        low, high = wilson(float((~correct[order[:k]]).mean()), k, Z)
        assert curve.low[place] == pytest.approx(low, abs=1e-9)
        assert curve.high[place] == pytest.approx(high, abs=1e-9)


def test_the_band_is_wider_for_clusters_of_equal_answers() -> None:
    random = np.random.default_rng(1)
    confidence, correct = random.random(40), random.random(40) < 0.6
    groups = np.repeat(np.arange(40).astype(str), 5)
    alone = curves.risk_coverage(confidence, correct)
    copied = curves.risk_coverage(np.repeat(confidence, 5), np.repeat(correct, 5), groups)
    width = copied.high[-1] - copied.low[-1]
    assert width == pytest.approx(alone.high[-1] - alone.low[-1], rel=0.05)
    unaware = curves.risk_coverage(np.repeat(confidence, 5), np.repeat(correct, 5))
    assert width > 1.5 * (unaware.high[-1] - unaware.low[-1])


def test_a_band_is_drawn_behind_its_line() -> None:
    x = np.linspace(0, 1, 5)
    spec = charts.lines([charts.Line("risk", x, x, band=(x - 0.1, x + 0.1))], ("x", "y"))
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["area", "line"]
    assert spec["layer"][0]["data"]["values"][2] == {"x": 0.5, "low": 0.4, "high": 0.6}


def test_errors_are_drawn_against_spreads(run: RunFolder) -> None:
    material = Material.gather(run)
    cells = material.cells_of("uncertainty")
    records = [(c, r) for c in cells if (r := material.tested(c)) is not None]
    figure = errors.figure(material, "uncertainty/any", records, "x")
    assert figure is not None
    assert "<svg" in figure.panels[0].svg
    assert figure.panels[0].subtitle.startswith("rank correlation")
    assert [head.title for head in figure.grid.heads] == ["Model", "n", "Said", "Came", "Came ÷ said"]
    assert len(str(figure.panels[0].svg)) < 40_000
    assert errors.figure(material, "t", [(cells[0], synthetic.quantile(3))], "x") is None


def test_the_worst_slices_come_first_with_intervals_for_all_of_them() -> None:
    n = 400
    labels = np.repeat(np.arange(4), 100)
    wrong = np.zeros(n, dtype=bool)
    wrong[:50], wrong[100:110] = True, True  # half of class 0, a tenth of class 1
    logits = np.eye(5)[np.where(wrong, 4, labels)] * 5.0
    record = Classification(ids=np.arange(n).astype(str), labels=labels, logits=logits)

    class One:
        cells: tuple[AnyArray, ...] = ()

        def tested(self, _: object) -> Classification:
            return record

        def tasks_of(self, cells: object) -> object:
            return {"uncertainty/any": list(cells)}  # type: ignore[call-overload]

    cell = replace(_cell(), model="mlp")
    [(title, grid)] = slices.worst(One(), [cell])  # type: ignore[arg-type]
    assert title.startswith("Worst slices")
    first, second, third = (tuple(item.text for item in row.items) for row in grid.rows)
    assert first[1:4] == ("answered as class 4", "60", "1.000")
    assert second[1:4] == ("class 0", "100", "0.500")
    assert third[1:4] == ("class 1", "100", "0.100")
    # Nine slices: four classes and five answers; Wilson at 1 - 0.05 / 9.
    low, high = wilson(0.5, 100, 2.773)
    assert second[4] == f"[{low:.3f}, {high:.3f}]"
    assert second[6] == "9"


def _cell() -> Cell:
    return Cell("c", "m", "uncertainty/any", "", "uncertainty", "done", 400, 0, "")
