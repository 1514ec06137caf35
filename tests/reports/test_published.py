"""Published figures in reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.components import Metric, Task
from bench.references.published import PUBLISHED
from bench.registry import find
from bench.reports.material import Material
from bench.reports.sections import published, tables
from bench.runners.wanted import Wanted
from tests.reports import synthetic


def test_every_figure_is_of_a_task_and_in_its_metric() -> None:
    for task, figures in PUBLISHED.items():
        yields = find(Task, task).yields
        for figure in figures:
            assert issubclass(yields, find(Metric, figure.metric).of)
            assert figure.kind in {"exact", "lower", "estimate"}
            assert figure.source


def test_they_stand_among_the_run_s_own_in_order(tmp_path: Path) -> None:
    record = replace(synthetic.density(1), levels=256)
    wanted = Wanted("likelihood", ("bits-per-dim",))
    stored: list[synthetic.Stored] = [("mine", "likelihood/cifar10,path=x", "", record, wanted)]
    material = Material.gather(synthetic.make(tmp_path, stored))
    ((title, grid),) = published.grids(material, "likelihood", tables.kinds(material))
    assert title == published.TITLE
    assert len(grid.rows) == len(PUBLISHED["likelihood/cifar10"]) + 1
    values = [row.items[3].sort for row in grid.rows]
    assert values == sorted(values)  # type: ignore[type-var]
    mine = next(row for row in grid.rows if row.items[1].text == "mine")
    assert mine.items[5].text == "this run"
    drawn = [row.items[4].bar for row in grid.rows]
    assert all(bar is not None and 0 <= bar.value <= 1 for bar in drawn)
    other = [("mine", "likelihood/digits", "", record, wanted)]
    material = Material.gather(synthetic.make(tmp_path / "other", other))
    assert published.grids(material, "likelihood", tables.kinds(material)) == []
