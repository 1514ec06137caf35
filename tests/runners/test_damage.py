from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import EvaluationError, ExitCode, UsageError
from bench.runners import folder as folder_module
from bench.runners.folder import RunFolder
from bench.runners.results import read_results
from tests.runners.fake_run import answer, evaluate, ids_of, plan, snapshot


@pytest.fixture
def run(tmp_path: Path) -> Path:
    evaluate(tmp_path / "run")
    return tmp_path / "run"


def generations(path: Path) -> str:
    return next(e.name for e in RunFolder.open(path).cells if e.record == "generations")


def damage_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def damage_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


@pytest.mark.parametrize("harm", [damage_flip, damage_cut, Path.unlink])
@pytest.mark.parametrize("file", ["part-00000.parquet", "failed.jsonl"])
def test_a_damaged_part_is_named_and_its_cell_alone_is_asked_again(
    run: Path, harm: Callable[[Path], None], file: str
) -> None:
    before = snapshot(run)
    name = generations(run)
    harm(run / "cells" / name / file)
    reader = RunFolder.open(run)
    with pytest.raises(EvaluationError) as found:
        reader.record(name) if file.startswith("part") else reader.failures(name)
    assert found.value.exit_code == ExitCode.FAILED
    assert str(run / "cells" / name / file) in found.value.what
    assert found.value.fix == f"bench eval --resume {run}"
    assert [e.path.name for e in reader.verify()] == [file]

    with RunFolder.resume(run) as again:
        assert len(again.repaired) == 1
        assert file in again.repaired[0]
        assert [e.status for e in again.cells] == ["done", "planned", "done"]
    asked: set[str] = set()
    evaluate(run, asked=lambda cell, _: asked.add(cell))
    assert asked == {name}
    assert snapshot(run) == before


def test_a_damaged_part_whose_journal_is_still_there_is_made_from_it(run: Path, monkeypatch: Any) -> None:
    expected = snapshot(run)
    path = run.parent / "other"
    monkeypatch.setattr(folder_module, "remove_journals", lambda *_: None)  # as if killed before each deletion
    evaluate(path)
    monkeypatch.undo()
    damage_flip(path / "cells" / generations(path) / "part-00000.parquet")
    evaluate(path, asked=lambda *_: pytest.fail("asked again"))
    assert snapshot(path) == expected


def test_a_journal_damaged_under_way_is_named(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", {}, plan()) as run:
        entry = run.cells[0]
        with run.journal(entry.name, ids_of("classification")) as journal:
            for k in journal.owed:
                journal.append(k, *answer("classification", journal.layout.rows(k)))
            damage_flip(run.cell_path(entry.name) / "journal-0.jsonl")
            with pytest.raises(EvaluationError, match="journal-0"):
                run.compact(entry, journal)
    asked: list[int] = []
    evaluate(tmp_path / "run", asked=lambda cell, k: asked.append(k) if cell == entry.name else None)
    assert asked == [1]


def test_a_byte_of_the_results_cannot_change_unnoticed(run: Path) -> None:
    path = run / "results.json"
    whole = path.read_bytes()
    for i in range(0, len(whole), 7):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with pytest.raises((EvaluationError, UsageError)):  # the latter: written by a newer bench
            read_results(path, fix="")
    path.write_bytes(whole)
    assert read_results(path, fix="")


def test_results_that_were_only_reformatted_are_whole(run: Path) -> None:
    path = run / "results.json"
    before = RunFolder.open(run).results()
    layouts: tuple[dict[str, Any], ...] = ({"indent": 2}, {}, {"sort_keys": True, "separators": (" ,", " : ")})
    for layout in layouts:
        path.write_text(json.dumps(json.loads(path.read_text()), **layout))
        assert RunFolder.open(run).results() == before
    document = json.loads(path.read_text())
    document["results"][0]["value"] += 1e-9
    path.write_text(json.dumps(document))
    with pytest.raises(EvaluationError, match="damaged"):
        RunFolder.open(run).results()
