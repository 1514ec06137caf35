from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.coverage import Cover, cautions, cell, kept, main, page

KEY = ("calibrated", "nll", 100, False)


def test_a_share_is_marked_where_it_is_off_beyond_doubt() -> None:
    assert cell(Cover(400, 400, 380, "t")) == "95.0 ± 1.1"
    assert cell(Cover(400, 400, 340, "t")) == "**85.0** ± 1.1"
    assert cell(Cover(400, 400, 400, "t")) == "*100.0* ± 1.1"
    assert cell(Cover(400, 100, 95, "t")) == "95.0 ± 2.2 (100)"
    assert cell(Cover(19, 19, 0, "t")) == "–"  # too few to say anything


def test_only_what_is_short_is_cautioned_by_its_worst_world() -> None:
    found = {
        KEY: Cover(400, 400, 380, "t"),
        ("calibrated", "ece", 100, True): Cover(400, 400, 340, "t"),
        ("overconfident", "ece", 100, True): Cover(400, 400, 320, "t"),
    }
    assert cautions(found) == {"ece": {"100 clustered": 0.8}}


def test_what_is_kept_is_put_on_the_page_without_a_simulation(tmp_path: Path) -> None:
    keep = tmp_path / "keep.jsonl"
    keep.write_text(json.dumps([*KEY, asdict(Cover(400, 400, 380, "t"))]) + "\n")
    assert kept(keep) == {KEY: Cover(400, 400, 380, "t")}
    assert kept(tmp_path / "none.jsonl") == {}
    out, table = tmp_path / "coverage.md", tmp_path / "coverage.json"
    main(["--seconds", "0", "--pairs", "2", "--keep", str(keep), "--out", str(out), "--table", str(table)])
    text = out.read_text("utf-8")
    assert "| nll | 95.0 ± 1.1 | – | – | – | – | – | t |" in text
    assert "## Errors of procedures for many tests" in text
    assert json.loads(table.read_text("utf-8")) == {}
    assert page({}, []).startswith("# Do the 95 %")
