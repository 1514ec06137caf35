"""The page of the speed comparison."""

from __future__ import annotations

from pathlib import Path

from benchmarks.metrics import BEGIN, END, put


def test_the_tables_replace_themselves_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Before\n\nwords\n", encoding="utf-8")
    put(page, "first\n")
    assert page.read_text("utf-8") == f"# Before\n\nwords\n\n{BEGIN}\nfirst\n{END}\n"
    page.write_text(page.read_text("utf-8") + "\n## After\n", encoding="utf-8")
    put(page, "second")
    assert page.read_text("utf-8") == f"# Before\n\nwords\n\n{BEGIN}\nsecond\n{END}\n\n## After\n"


def test_a_new_page_holds_the_tables(tmp_path: Path) -> None:
    put(tmp_path / "page.md", "tables")
    assert (tmp_path / "page.md").read_text("utf-8") == f"{BEGIN}\ntables\n{END}\n"
