"""The page in a real browser, where there is one: its script runs under its policy, and restores its state."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import html  # type: ignore[import-untyped]

from bench.leaderboard.build import build
from bench.reports.decisions import gate as gate_page
from bench.runners.folder import RunFolder
from tests.leaderboard.worlds import stored
from tests.reports.synthetic import HOSTILE
from tests.reports.test_decisions import hostile as hostile_gate

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --dump-dom"
)

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


def opened(run: RunFolder | SimpleNamespace, query: str, profile: Path) -> Any:
    url = f"{(run.path / 'report.html').as_uri()}?{query}"
    command = [str(CHROMIUM), *FLAGS.split(), f"--user-data-dir={profile}", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert not re.search(r"CONSOLE|Refused to|Uncaught", done.stderr)
    return html.document_fromstring(done.stdout)


def test_filter_sort_and_theme_come_back_from_the_address(run: RunFolder, tmp_path: Path) -> None:
    root = opened(run, "q=ece+temperature&areas=calibration&s-overview-table=4d&theme=dark", tmp_path)
    assert root.get("data-theme") == "dark"
    table = root.get_element_by_id("overview-table")
    rows = [row for row in table.findall("tbody/tr") if row.get("hidden") is None]
    assert [row[0].text_content() for row in rows] == ["calibration/blobs"] * 2
    assert table.xpath("thead//th[@aria-sort='descending']")[0].text_content() == "Value"
    values = [float(row[4].get("data-s")) for row in rows]
    assert values == sorted(values, reverse=True)


def test_a_hostile_run_executes_nothing(hostile: RunFolder, tmp_path: Path) -> None:
    root = opened(hostile, "q=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&areas=%22%3E%3Cscript%3E&theme=%3Cx%3E", tmp_path)
    assert root.get("data-theme") is None
    assert not root.findall(".//img")
    assert len(root.findall(".//script")) == 2
    assert root.get("class") == "js"


def test_the_gates_page_filters_sorts_and_runs_nothing_hostile(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(gate_page.page(hostile_gate()))
    root = opened(SimpleNamespace(path=tmp_path), "areas=fail&s-overview-table=6d&theme=dark", tmp_path / "profile")
    rows = [r for r in root.get_element_by_id("overview-table").findall("tbody/tr") if r.get("hidden") is None]
    assert {row.get("data-area") for row in rows} == {"fail"}
    assert not root.findall(".//img")
    assert len(root.findall(".//script")) == 2


def test_the_leaderboard_filters_sorts_and_runs_nothing_hostile(tmp_path: Path) -> None:
    numbers = {(m, f"reasoning/{t}"): 0.5 + 0.01 * k for k, m in enumerate(HOSTILE) for t in HOSTILE[:2]}
    build([stored(tmp_path / "run", dict(numbers)).path], tmp_path / "site")
    task = min((tmp_path / "site" / "tasks").iterdir())
    page = SimpleNamespace(path=tmp_path / "shown")
    page.path.mkdir()
    (page.path / "report.html").write_text(task.read_text("utf-8"), "utf-8")
    root = opened(page, "q=script&s-overview-table=2a&theme=dark", tmp_path / "profile")
    rows = [r for r in root.get_element_by_id("overview-table").findall("tbody/tr") if r.get("hidden") is None]
    assert 0 < len(rows) < len(HOSTILE)
    assert all("script" in r.text_content() for r in rows)
    values = [float(r[2].get("data-s")) for r in rows]
    assert values == sorted(values)
    assert root.get("data-theme") == "dark"
    assert not root.findall(".//img")
    assert len(root.findall(".//script")) == 2


def test_samples_are_searched_and_their_kinds_come_back_from_the_address(run: RunFolder, tmp_path: Path) -> None:
    root = opened(run, "samples=blobs&kinds=wrong", tmp_path)
    rows = [r for r in root.get_element_by_id("samples-table").findall("tbody/tr") if r.get("hidden") is None]
    assert rows
    assert {r.get("data-area") for r in rows} == {"wrong"}
    assert all("blobs" in r.text_content() for r in rows)
