"""Every kind of page under axe-core, in a real browser, light, dark and narrow, and at the keyboard alone."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from bench.comparing.changes import changes
from bench.comparing.comparison import Choice, compare
from bench.comparing.sides import run_sides
from bench.leaderboard.build import build
from bench.reports.decisions import comparison as comparison_page
from bench.reports.decisions import gate as gate_page
from bench.runners.folder import RunFolder
from bench.runners.wanted import Wanted
from tests.leaderboard.worlds import stored
from tests.reports import synthetic
from tests.reports.test_decisions import VERDICTS, check, gate

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = ("report", "overview", "task", "model", "comparison", "gate")
GRAVE = {"serious", "critical"}
WIDE, NARROW = 1200, 390

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")]


@pytest.fixture(scope="module")
def pages(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    numbers = {
        (m, task): 0.5 + 0.02 * k + 0.01 * i
        for k, m in enumerate("abcde")
        for i, task in enumerate(("reasoning/x", "reasoning/y", "ood/x", "ood/y"))
    }
    lost: dict[tuple[str, str], Any] = {("f", "reasoning/x"): {"status": "failed", "error": "out of memory"}}
    old = stored(folder / "old", dict(numbers), created="2026-01-01T00:00:00+00:00", seconds=1.0)
    new = stored(folder / "new", {**numbers, **lost}, created="2026-02-01T00:00:00+00:00", seconds=2.0)
    build([old.path, new.path], folder / "site")
    record = synthetic.classification(4, n=60)
    other = replace(record, logits=0.5 * (record.logits if record.logits is not None else 0) + 0.2)
    wanted = Wanted("calibration", ("accuracy", "brier"))
    sides = [
        synthetic.make(folder / name, [("m", "calibration/blobs", "", answers, wanted)]).path
        for name, answers in (("first", record), ("second", other))
    ]
    reference, candidate = run_sides([str(path) for path in sides])
    found = compare(reference, [candidate], Choice())
    texts = {
        "comparison": comparison_page.page(found, [changes(c, most=20) for c in found]),
        "gate": gate_page.page(gate(*map(check, VERDICTS))),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    return {
        "report": run.path / "report.html",
        "overview": folder / "site" / "index.html",
        "task": min((folder / "site" / "tasks").iterdir()),
        "model": min((folder / "site" / "models").iterdir()),
        **{name: folder / f"{name}.html" for name in texts},
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


def violations(browser: Any, path: Path, scheme: str, width: int = WIDE, style: str = "") -> list[str]:
    """What axe-core finds on a page with all of its parts open: how grave, which rule, and where."""
    context = browser.new_context(color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    assert asked == [path.as_uri()]
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    # The shadow at the edge of a table that scrolls is a gradient, on which axe judges no contrast at all.
    page.add_style_tag(content=f"* {{ background-image: none !important; }} {style}")
    page.add_script_tag(content=(files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    context.close()
    return [f"{v['impact']} {v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser: Any, pages: dict[str, Path], name: str, scheme: str, width: int) -> None:
    assert [v for v in violations(browser, pages[name], scheme, width) if v.split()[0] in GRAVE] == []


def test_axe_would_find_faint_text(browser: Any, pages: dict[str, Path]) -> None:
    found = violations(browser, pages["gate"], "light", style="td { color: #ddd !important; }")
    assert any(v.startswith("serious color-contrast") for v in found)


@pytest.mark.parametrize("name", PAGES)
def test_a_keyboard_reaches_what_a_mouse_can_press(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(pages[name].as_uri())
    pressed = page.evaluate("""() => [...document.querySelectorAll('button, a[href], input, summary')]
        .filter((e) => e.checkVisibility() && e.tabIndex < 0).map((e) => e.outerHTML.slice(0, 120))""")
    assert pressed == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.close()


def reached(page: Any, selector: str) -> None:
    """Press Tab until what the selector names has the focus."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    pytest.fail(f"no Tab reaches {selector}")


def column(page: Any, i: int) -> list[float]:
    """What the rows shown are sorted by in a column."""
    cells = "[...document.querySelectorAll('#overview-table tbody tr')].filter((row) => !row.hidden)"
    found: list[float] = page.evaluate(f"(i) => {cells}.map((row) => Number(row.cells[i].dataset.s))", i)
    return found


@pytest.mark.parametrize(("name", "value"), [("overview", 6), ("task", 2), ("model", 4)])
def test_the_leaderboard_is_sorted_and_filtered_from_the_keyboard(
    browser: Any, pages: dict[str, Path], name: str, value: int
) -> None:
    page = browser.new_page(viewport={"width": WIDE, "height": 900})
    page.goto(pages[name].as_uri())
    whole = column(page, value)
    assert len(set(whole)) > 1
    reached(page, "#filter")
    page.keyboard.type("nothing has these words")
    assert column(page, value) == []
    assert page.evaluate("document.getElementById('overview-empty').checkVisibility()")
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    assert column(page, value) == whole
    if name != "task":  # of one area
        reached(page, "button[data-area]")
        page.keyboard.press("Space")
        assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
        assert 0 < len(column(page, value)) < len(whole)
        page.keyboard.press("Space")
        assert len(column(page, value)) == len(whole)
    head = f"#overview-table th:nth-child({value + 1})"
    reached(page, f"{head} button")
    for way, expected in (("ascending", sorted(whole)), ("descending", sorted(whole, reverse=True))):
        page.keyboard.press("Enter")
        assert page.evaluate("(head) => document.querySelector(head).getAttribute('aria-sort')", head) == way
        assert column(page, value) == expected
    assert f"s-overview-table={value}d" in page.url
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_the_table_is_saved_as_csv_from_the_keyboard(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = browser.new_page(viewport={"width": WIDE, "height": 900})
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(pages[name].as_uri())
    reached(page, "button[data-csv]")
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    rows = list(csv.reader(saved.value.path().read_text("utf-8").splitlines()))
    page.close()
    assert told == []
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    if name == "task":
        made = csv.DictReader((pages["overview"].parent / "leaderboard.csv").read_text("utf-8").splitlines())
        there = [(r["model"], r["place"], r["value"], r["low"]) for r in made if r["task"] == "ood/x"]
        assert [(row[0], row[2], row[5], row[6]) for row in rows[1:]] == there


@pytest.mark.parametrize("name", PAGES)
def test_a_narrow_page_is_not_wider_than_its_window(browser: Any, pages: dict[str, Path], name: str) -> None:
    page = browser.new_page(viewport={"width": NARROW, "height": 900})
    page.goto(pages[name].as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    page.close()
