"""The race against the harness runs, agrees with it, and writes its own section of a page."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks import lm
from benchmarks.sections import put


def test_a_small_race(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "VOCABULARY", 500)
    monkeypatch.setattr(lm, "WINDOW", 160)
    monkeypatch.setattr(lm, "PREFIX", 60)
    page = tmp_path / "performance.md"
    page.write_text("# What was there\n")
    monkeypatch.setattr("benchmarks.lm.gc.collect", lambda: 0)  # half a second each, in a process with so many modules
    threads = torch.get_num_threads()
    rows = lm.main(["--sizes", "1", "--dtypes", "float32", "--questions", "4", "--batches", "1", "2", "--device", "cpu",
                    "--out", str(page)])  # fmt: skip
    torch.set_num_threads(threads)
    assert [row.case.name for row in rows] == [case.name for case in lm.cases(4)]
    for row in rows:
        assert row.apart < 1e-4
        assert row.mismatches == 0
        assert row.run == len({s.inputs[:end] for s in row.case.spans for end in range(1, len(s.inputs) + 1)})
        assert row.asked == sum(len(span.inputs) for span in row.case.spans)
        assert row.ours > 0
        assert row.floor > 0
    text = page.read_text()
    assert text.startswith("# What was there\n")
    assert text.count("1 M, float32") == len(rows)
    other = "| 9 M, float32 | rolling perplexity | 4 |"
    assert lm.lines(rows, f"{other}\n{text}") == [other, *map(lm.line, rows)]


def test_bfloat16_is_held_against_float32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lm, "VOCABULARY", 500)
    monkeypatch.setattr(lm, "WINDOW", 160)
    monkeypatch.setattr(lm, "PREFIX", 60)
    monkeypatch.setattr("benchmarks.lm.gc.collect", lambda: 0)
    threads = torch.get_num_threads()
    (row,) = lm.main(["--sizes", "1", "--dtypes", "bfloat16", "--questions", "2", "--batches", "1", "--device", "cpu",
                      "--cases", "letters", "--out", str(tmp_path / "page.md")])  # fmt: skip
    torch.set_num_threads(threads)
    assert row.off is not None
    assert all(0 < off < 0.1 for off in row.off)


def test_sections_are_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    put(page, "one", "first")
    put(page, "two", "second")
    put(page, "one", "third")
    text = page.read_text()
    assert "first" not in text
    assert text.index("third") < text.index("second")
    assert text.count("<!--") == 4
