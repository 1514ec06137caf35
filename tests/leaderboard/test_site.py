"""The site as a whole: what stands on which board, history, looks, hostile names, and its size."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from lxml import html  # type: ignore[import-untyped]

from bench import halves
from bench.errors import EvaluationError, UsageError
from bench.leaderboard import looks
from bench.leaderboard.build import build, run_folders
from bench.leaderboard.standings import boards
from bench.leaderboard.tables import front
from bench.runners.wanted import Wanted
from tests.leaderboard.worlds import stored
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE

OLD, NEW = "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"


def page(path: Path) -> html.HtmlElement:
    return html.document_fromstring(path.read_text("utf-8"))


def test_the_latest_run_stands_and_the_earlier_is_history(tmp_path: Path) -> None:
    old = stored(tmp_path / "old", {("a", "reasoning/x"): 0.4, ("b", "reasoning/x"): 0.6}, created=OLD)
    new = stored(tmp_path / "new", {("a", "reasoning/x"): 0.7}, created=NEW)
    board = boards([new.path, old.path])[0]
    by_model = {s.model: s for s in board.standings}
    assert by_model["a"].result.value == 0.7
    assert [p.value for p in by_model["a"].past] == [0.4]
    assert by_model["b"].past == ()
    build([old.path, new.path], tmp_path / "site")
    task = page(next((tmp_path / "site" / "tasks").iterdir()))
    assert "0.400" in task.get_element_by_id("past-table").text_content()
    assert task.findall(".//svg[@class='spark']")


def test_kinds_of_likelihood_and_other_data_stand_apart(tmp_path: Path) -> None:
    bits = {"metric": "bits-per-dim", "better": "lower", "range": (None, None), "likelihood": "exact"}
    run = stored(tmp_path / "r", {("flow", "likelihood/x"): {"value": 2.0, **bits},
                                  ("vae", "likelihood/x"): {"value": 1.9, **bits, "likelihood": "lower"},
                                  ("a", "reasoning/y"): 0.5})  # fmt: skip
    other = stored(tmp_path / "s", {("b", "reasoning/y"): {"value": 0.9, "identity": {"data": "another"}}})
    found = {b.name: [s.model for s in b.standings] for b in boards([run.path, other.path])}
    assert found == {
        "likelihood/x (exact)": ["flow"], "likelihood/x (lower)": ["vae"],
        "reasoning/y (data 1 of 2)": ["a"], "reasoning/y (data 2 of 2)": ["b"],
    }  # fmt: skip


def test_the_decoder_named_first_stands_for_the_model(tmp_path: Path) -> None:
    first, second = {"value": 0.5, "decoder": "greedy"}, {"value": 0.9, "decoder": "vote"}
    a = stored(tmp_path / "a", {("m", "reasoning/x"): first})
    b = stored(tmp_path / "b", {("m", "reasoning/x"): second})
    names = [s.name for s in boards([a.path, b.path])[0].standings]
    assert names == ["m", "m · vote"]


def test_failed_and_never_asked_are_told_apart_and_neither_is_a_zero(tmp_path: Path) -> None:
    lost = {"status": "failed", "error": "out of memory"}
    numbers = {
        ("a", "reasoning/x"): 0.5,
        ("b", "reasoning/x"): lost,
        ("b", "reasoning/y"): 0.4,
        ("c", "reasoning/y"): 0.3,
    }
    run = stored(tmp_path / "r", numbers)
    found = build([run.path], tmp_path / "site")
    text = page(min((tmp_path / "site" / "tasks").iterdir())).text_content()
    assert "out of memory" in text
    assert "Never asked, and so without a place: c." in text
    rows = list(csv.DictReader(io.StringIO((tmp_path / "site" / "leaderboard.csv").read_text())))
    assert {(r["model"], r["task"]) for r in rows} == {("a", "reasoning/x"), ("b", "reasoning/y"), ("c", "reasoning/y")}
    assert [len(r.board.standings) for r in found.boards] == [1, 2]


def test_hostile_names_are_shown_and_nothing_more(tmp_path: Path) -> None:
    numbers = {(model, f"reasoning/{task}"): 0.5 + 0.01 * k for k, model in enumerate(HOSTILE) for task in HOSTILE[:3]}
    run = stored(tmp_path / "r", dict(numbers))
    build([run.path], tmp_path / "site")
    files = [*(tmp_path / "site").rglob("*.html")]
    assert len(files) == 1 + 3 + len(HOSTILE)
    for file in files:
        root = page(file)
        assert len(root.findall(".//script")) == 2
        assert not root.xpath("//img|//*[@onload or @onerror]|//a[starts-with(@href,'javascript')]")
        assert root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0].startswith("default-src 'none'")
        assert re.fullmatch(r"[a-z0-9.-]+", file.name)
        for link in root.xpath("//a/@href"):
            assert link.startswith("#") or (file.parent / link).resolve().is_file()
    for row in csv.reader(io.StringIO((tmp_path / "site" / "leaderboard.csv").read_text())):
        assert not any(cell[:1] in {"=", "+", "@"} for cell in row)
    assert "\x1b" not in (tmp_path / "site" / "leaderboard.md").read_text()
    assert "<script" not in (tmp_path / "site" / "leaderboard.md").read_text()


def test_pages_stay_small_and_every_row_is_there(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    numbers = {(f"m{k:03d}", f"reasoning/t{t}"): float(rng.uniform(0.2, 0.9)) for k in range(200) for t in range(3)}
    run = stored(tmp_path / "r", dict(numbers), seconds=1.0)
    build([run.path], tmp_path / "site")
    for file in (tmp_path / "site").rglob("*.html"):
        assert file.stat().st_size < 1_000_000
    task = page(min((tmp_path / "site" / "tasks").iterdir()))
    assert len(task.get_element_by_id("overview-table").findall("tbody/tr")) == 200


def test_two_processes_make_the_pages_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stored(tmp_path / "r", {(m, f"reasoning/{t}"): 0.5 for m in "abc" for t in "xy"})
    site = tmp_path / "site"

    def made(many: int) -> dict[Path, bytes]:
        monkeypatch.setattr(halves, "MANY", many)
        build([run.path], site)
        files = {file: file.read_bytes() for file in site.rglob("*.*")}
        for file in files:
            if file.name != looks.FILE:
                file.unlink()
        return files

    made(100)  # a first look is new, and later ones are not
    alone = made(100)
    assert made(1) == alone
    assert len(alone) == 10


def test_looks_are_counted_once_each_over_time(tmp_path: Path) -> None:
    a = stored(tmp_path / "a", {("m", "reasoning/x"): 0.5}, created=OLD)
    b = stored(tmp_path / "b", {("m", "reasoning/x"): 0.6}, created=NEW)
    site = tmp_path / "site"
    assert build([a.path], site).boards[0].looked == 1
    assert build([a.path], site).boards[0].looked == 1
    assert build([a.path, b.path], site).boards[0].looked == 2
    (site / looks.FILE).write_text("{")
    with pytest.raises(EvaluationError, match="cannot be read"):
        build([a.path], site)


def test_thresholdout_tells_the_public_half_until_the_two_halves_differ(tmp_path: Path) -> None:
    wanted = Wanted("calibration", ("brier",))
    record = synthetic.classification(1, n=400)
    run = synthetic.make(tmp_path / "r", [("m", "calibration/x", "", record, wanted)])
    plain = build([run.path], tmp_path / "plain").boards[0].board.result.value
    found = build([run.path], tmp_path / "site", reusable=True).boards[0]
    told = found.board.result
    assert told.method == "Thresholdout, public half"
    assert told.value != plain
    assert told.value == pytest.approx(plain, abs=0.1)
    again = build([run.path], tmp_path / "site", reusable=True).boards[0]
    assert again.board.result.value == told.value
    state = json.loads((tmp_path / "site" / looks.FILE).read_text())["boards"]
    assert [s["asked"] for s in state.values()] == [1]


def test_other_folders_are_left_alone_and_wrong_ones_are_told(tmp_path: Path) -> None:
    run = stored(tmp_path / "runs" / "r", {("m", "reasoning/x"): 0.5})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="something else"):
        build([run.path], tmp_path / "full")
    assert run_folders([tmp_path / "runs", run.path]) == [tmp_path / "runs" / "r"]
    with pytest.raises(UsageError, match="no run in"):
        run_folders([tmp_path / "full"])


def test_the_front_is_what_none_beats() -> None:
    rng = np.random.default_rng(0)
    points = [(float(c), float(v)) for c, v in rng.integers(0, 8, size=(40, 2))]
    kept = {points[i] for i in front(points)}
    beaten = {p for p in points if any(q[0] <= p[0] and q[1] >= p[1] and q != p for q in points)}
    assert kept == set(points) - beaten
