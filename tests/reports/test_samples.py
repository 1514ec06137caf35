"""Chosen samples are those that the rules name; exported charts are whole files without the page's variables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.records import Classification
from bench.reports.export import export, literal
from bench.reports.material import Material
from bench.reports.sections.samples import chosen
from bench.reports.standings.texts import latex
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE

COMMANDS = (
    r"\textbackslash{}", r"\&", r"\%", r"\$", r"\#", r"\_", r"\{", r"\}", r"\textasciitilde{}",
    r"\textasciicircum{}", r"\textless{}", r"\textgreater{}", "$-$", r"$\pm$", r"$\cdot$",
)  # fmt: skip


def test_the_rules_choose_what_they_say(tmp_path: Path) -> None:
    record = synthetic.classification(1, n=200)
    run = synthetic.make(tmp_path / "r", [("m", "calibration/x", "", record, Wanted("calibration", ("accuracy",)))])
    grid = chosen(Material.gather(run))
    assert grid is not None
    rows = {kind: [r.items[3].text for r in grid.rows if r.area == kind] for kind in ("wrong", "surprising", "random")}
    test = record.split("test")
    assert isinstance(test, Classification)
    wrong = test.predicted != test.labels
    order = np.argsort(-np.where(wrong, test.confidence, -1.0))
    assert rows["wrong"] == [str(test.ids[i]) for i in order[:3]]
    loss = -test.log_probs[np.arange(len(test)), test.labels]
    left = [str(test.ids[i]) for i in np.argsort(-loss) if str(test.ids[i]) not in rows["wrong"]]
    assert rows["surprising"] == left[:3]
    assert len(set(rows["random"])) == 3


def test_all_kinds_of_records_have_faces(run: RunFolder) -> None:
    grid = chosen(Material.gather(run))
    assert grid is not None
    assert {"wrong", "kept", "surprising", "worst", "random"} == {r.area for r in grid.rows}
    text = (run.path / "report.html").read_text()
    assert 'id="samples-table"' in text
    assert len(text) < 1_000_000


@pytest.mark.slow
def test_charts_are_exported_in_four_forms(run: RunFolder) -> None:
    made = {p.name: p for p in export(run)}
    stems = {name.removesuffix(".vl.json") for name in made if name.endswith(".vl.json")}
    assert stems
    for stem in stems:
        assert json.loads(made[f"{stem}.vl.json"].read_text())["background"] == "white"
        assert "var(" not in made[f"{stem}.svg"].read_text()
        assert made[f"{stem}.png"].read_bytes()[:4] == b"\x89PNG"
        assert made[f"{stem}.pdf"].read_bytes()[:4] == b"%PDF"
        assert f"({stem}.png)" in made["report.md"].read_text()
    assert made["tables.tex"].read_text().count(r"\begin{tabular}") == made["tables.tex"].read_text().count(
        r"\bottomrule"
    )


def test_colours_become_literal_and_latex_means_itself() -> None:
    assert literal({"color": "var(--c1)", "x": 1}) == {"color": "#2262c9", "x": 1, "background": "white"}
    for text in HOSTILE:
        written = latex(text)
        bare = written
        for known in COMMANDS:
            bare = bare.replace(known, "")
        assert not set(bare) & set("\\{}$&#_%^~")
