from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import html  # type: ignore[import-untyped]
from markdown_it import MarkdownIt

from bench.errors import BenchError, EvaluationError, IncompleteError
from bench.records import Generations
from bench.reports.build import build
from bench.reports.material import Material
from bench.reports.page import page
from bench.runners.folder import RunFolder
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE

FILES = ("report.html", "report.md", "results.csv")


def tree(folder: RunFolder) -> Any:
    return html.document_fromstring((folder.path / "report.html").read_text("utf-8"))


def data(root: Any) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(root.get_element_by_id("data").text)
    return loaded


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def test_the_page_has_all_areas_and_every_figure_says_what_it_shows(run: RunFolder) -> None:
    root = tree(run)
    titles = [words(h) for h in root.iter("h2")]
    areas = ["Likelihood", "Calibration", "OOD detection", "Uncertainty", "Reasoning"]
    assert titles == ["What failed", "Overview", *areas, "Samples", "All numbers", "Methods", "This run"]
    figures = list(root.iter("figure"))
    heads = {words(f.find("h3")).partition(" — ")[0] for f in figures}
    assert heads == {
        "Surprise, sample by sample", "Reliability", "Score separation", "ROC", "Risk and coverage", "Coverage",
        "PIT histogram", "Epistemic and aleatoric", "Accuracy by decoder", "Error against uncertainty",
    }  # fmt: skip
    for figure in figures:
        assert words(figure.find("figcaption"))
        assert figure.findall(".//svg[@class='chart']")
        assert figure.findall("details//tbody/tr")


def test_the_page_is_one_file_without_network(run: RunFolder) -> None:
    source = (run.path / "report.html").read_text("utf-8")
    assert len(source) < 600_000
    assert not re.search(r"""(?:src|href|action|data)\s*=\s*["']?(?!#)[a-z/]""", source.split("<script")[0])
    assert "@import" not in source
    assert "url(h" not in source
    policy = tree(run).xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"script-src[^;]*(unsafe|http|\*)", policy)
    (script,) = [s.text for s in tree(run).iter("script") if s.get("type") is None]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_identifiers_are_unique(run: RunFolder) -> None:
    ids = tree(run).xpath("//@id")
    assert len(ids) == len(set(ids))


def test_the_data_of_the_page_the_csv_and_the_results_agree(run: RunFolder) -> None:
    loaded = data(tree(run))
    rows = [[loaded["texts"][v] if c else v for v, c in zip(r, loaded["coded"], strict=True)] for r in loaded["rows"]]
    table = list(csv.reader(io.StringIO((run.path / "results.csv").read_text())))
    assert table[0] == loaded["columns"]
    for shown, stored in zip(rows, table[1:], strict=True):
        for value, text in zip(shown, stored, strict=True):
            if isinstance(value, float):  # the page has six digits of each
                assert value == float(f"{float(text):.6g}")
            else:
                assert ("" if value is None else str(value)) == text
    at = {name: i for i, name in enumerate(table[0])}
    ours = {(r.model, r.task, r.decoder, r.calibrator, r.score, r.slice, r.metric): r.value for r in run.results()}
    names = ("model", "task", "decoder", "calibrator", "score", "slice", "metric")
    theirs = {tuple(row[at[n]] for n in names): row[at["value"]] for row in table[1:]}
    assert theirs == {k: "" if v is None else repr(v) for k, v in ours.items()}


def test_the_headline_of_a_detector_is_its_default_and_not_its_best(run: RunFolder) -> None:
    overview = tree(run).get_element_by_id("overview-table")
    rows = [[words(c) for c in row] for row in overview.findall("tbody/tr")]
    assert {row[2] for row in rows if row[0] == "ood/far"} == {"energy"}
    best = max((r for r in run.results() if r.metric == "auroc" and r.slice == ""), key=lambda r: r.value or 0)
    assert best.score == "msp"


def test_kinds_of_likelihood_are_named_and_bounds_are_no_values(run: RunFolder) -> None:
    overview = tree(run).get_element_by_id("overview-table")
    rows = {words(row[1]): words(row[4]) for row in overview.findall("tbody/tr") if words(row[0]) == "likelihood/ring"}
    assert list(rows) == ["flowexact", "vaelower bound"]
    assert not rows["flowexact"].startswith("≤")
    assert rows["vaelower bound"].startswith("≤ ")


def test_a_missing_interval_is_a_dash_with_its_reason(run: RunFolder) -> None:
    bare = next(r for r in run.results() if r.low is None and r.value is not None)
    cells = tree(run).xpath("//td[starts-with(@title, 'no interval: ')]")
    assert bare.method.removeprefix("none: ") in {c.get("title").removeprefix("no interval: ") for c in cells}
    assert all("—" in words(c) for c in cells)


def test_what_failed_is_said(run: RunFolder) -> None:
    root = tree(run)
    assert "broken on calibration/lost: no results — the model has no weights" in words(
        root.get_element_by_id("failed")
    )
    assert "✕ 1 cell without results" in words(root.find(".//header"))
    assert "bench eval --resume" in words(root.get_element_by_id("run"))


def test_the_run_can_be_made_again(run: RunFolder) -> None:
    commands = [words(c) for c in tree(run).xpath("//div[contains(@class, 'commands')]/code")]
    assert commands[0] == "bench eval --suite synthetic --seed 7"


def test_examples_are_the_most_confident_of_each_verdict(run: RunFolder) -> None:
    (table,) = tree(run).xpath("//table[caption][starts-with(@id, 'a-')]")
    rows = [[words(c) for c in row] for row in table.findall("tbody/tr")]
    greedy = [row for row in rows if row[1] == "tiny · greedy"]
    assert [row[2] for row in greedy] == ["✓ right"] * 2 + ["✗ wrong"] * 2
    record = run.record(next(c.name for c in run.cells if c.decoder == "greedy"))
    assert isinstance(record, Generations)
    best = sorted(record.confidence[record.correct])[::-1][:2]
    assert [float(row[3]) for row in greedy[:2]] == pytest.approx(best, abs=5e-4)


def test_markdown_has_the_numbers_of_the_overview(run: RunFolder) -> None:
    source = (run.path / "report.md").read_text()
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    assert [tokens[i + 1].content for i, t in enumerate(tokens) if t.type == "heading_open" and t.tag == "h2"][:3] == [
        "Overview", "Likelihood", "Calibration",
    ]  # fmt: skip
    overview = tree(run).get_element_by_id("overview-table")
    for row in overview.findall("tbody/tr"):
        assert f"| {words(row[4])} |" in source
        assert f"| {words(row[6])} |" in source


def test_the_same_folder_gives_the_same_bytes(run: RunFolder) -> None:
    before = [(run.path / f).read_bytes() for f in FILES]
    build(RunFolder.open(run.path))
    assert [(run.path / f).read_bytes() for f in FILES] == before
    assert not list(run.path.glob(".*.tmp"))


# What strangers chose is harmless.


def test_hostile_texts_make_no_element_no_handler_and_no_link(hostile: RunFolder) -> None:
    root = tree(hostile)
    assert len(list(root.iter("script"))) == 2
    assert not list(root.iter("img", "iframe", "object", "embed", "link", "base", "form"))
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name != "href" or value.startswith("#")
            assert "javascript:" not in value or name in {"title", "aria-label", "data-s", "data-area"}
    assert "alert(1)" in words(root)


def test_hostile_texts_are_shown_whole_but_without_controls(hostile: RunFolder) -> None:
    for file in FILES:
        content = (hostile.path / file).read_text("utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", content), file
        assert max(map(len, content.splitlines())) < 200_000, file
        assert len(content) < 1_000_000


def test_hostile_texts_stay_in_their_markdown_cells(hostile: RunFolder) -> None:
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse((hostile.path / "report.md").read_text())
    assert not [t for t in tokens if t.type in {"html_block", "code_block"}]
    inline = [c for t in tokens for c in t.children or []]
    assert not [c for c in inline if c.type in {"html_inline", "image"}]
    links = {c.attrs["href"] for c in inline if c.type == "link_open"}
    assert links == {"report.html", "results.csv"}
    rows = [i for i, t in enumerate(tokens) if t.type == "tr_open"]
    assert rows


def test_hostile_cells_are_no_formulas(hostile: RunFolder) -> None:
    for row in csv.reader(io.StringIO((hostile.path / "results.csv").read_text())):
        assert not [c for c in row if c[:1] in {"=", "+", "@", "|"}]
    assert not [t for t in data(tree(hostile))["texts"] if t[:1] in {"=", "+", "-", "@", "|"}]


# What is missing, empty or broken.


def test_a_run_without_results_has_a_page_that_says_so(tmp_path: Path) -> None:
    folder = synthetic.make(tmp_path / "run", [], failed={"ood/far": "no memory"})
    build(folder)
    text = words(tree(folder))
    assert "This run has no results." in text
    assert "no memory" in text
    assert "## What failed" in (folder.path / "report.md").read_text()


def test_an_unfinished_run_has_no_report(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", synthetic.MANIFEST) as folder, pytest.raises(IncompleteError):
        build(folder)
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_damaged_record_leaves_the_numbers_and_is_named(tmp_path: Path) -> None:
    made = [c for c in synthetic.cells() if c[1] == "reasoning/sums"]
    folder = synthetic.make(tmp_path / "run", made)
    (part,) = list((folder.path / "cells" / folder.cells[0].name).glob("part-*"))
    part.write_bytes(part.read_bytes()[:-9])
    assert build(RunFolder.open(folder.path)).keys() == {folder.cells[0].name}
    root = tree(folder)
    assert "Cannot be read: " in words(root.get_element_by_id("failed"))
    assert len(data(root)["rows"]) == len(folder.results())


def test_a_plugin_that_is_not_loaded_costs_only_its_figures(tmp_path: Path) -> None:
    made = [c for c in synthetic.cells() if c[1] == "ood/far"][:1]
    folder = synthetic.make(tmp_path / "run", made)
    renamed = [replace(r, score="mine", metric=r.metric) for r in folder.results()]
    with RunFolder.resume(folder.path) as again:
        again.write_results([*renamed, synthetic.result(metric="unheard-of", area="general")])
    build(RunFolder.open(folder.path))
    text = words(tree(folder))
    assert "unheard-of" in text
    assert "Score separation" not in text


def test_failed_samples_are_counted_where_they_happened(tmp_path: Path) -> None:
    model, task, decoder, record, wanted = next(c for c in synthetic.cells() if c[1] == "calibration/facts")
    lost = replace(record, n_failed=5)
    folder = synthetic.make(tmp_path / "run", [(model, task, decoder, lost, wanted)])
    content = page(Material.gather(folder))
    assert content.status == "◌ 5 samples without an answer"
    assert content.failures[0].what == "tiny on calibration/facts: 5 samples of 125 without an answer"
    build(folder)
    assert "5 failed" in words(tree(folder).get_element_by_id("overview-table"))


def test_a_report_that_cannot_be_written_is_an_error_and_leaves_the_old_one(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (run.path / "report.html").read_bytes()

    def fail(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "report.html")

    monkeypatch.setattr("bench.reports.build.write_text", fail)
    with pytest.raises(EvaluationError) as error:
        build(run)
    assert isinstance(error.value, BenchError)
    assert (run.path / "report.html").read_bytes() == before


def test_hostile_list_reaches_every_part(hostile: RunFolder) -> None:
    assert len(HOSTILE) == len([c for c in hostile.cells if c.status == "failed"])


def test_a_metric_that_crashed_is_told(tmp_path: Path) -> None:
    made = [c for c in synthetic.cells() if c[1] == "calibration/facts"][:1]
    folder = synthetic.make(tmp_path / "run", made)
    with RunFolder.resume(folder.path) as again:
        again.update_cell(replace(again.cells[0], unmeasured="mine: ZeroDivisionError: division by zero"))
        again.write_results(list(folder.results()))
    content = page(Material.gather(RunFolder.open(folder.path)))
    assert content.status == "◌ 1 cell not wholly measured"
    assert content.failures[0].what.endswith("not everything was measured")
    assert content.failures[0].why == "mine: ZeroDivisionError: division by zero"
