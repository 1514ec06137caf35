from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError, EvaluationError, IncompleteError, UsageError
from bench.records import Classification, Regression
from bench.runners.cells import CellEntry, cell_name, entries_from_json
from bench.runners.folder import RunFolder
from bench.runners.sealed import write_sealed
from tests.runners.fake_run import SEED, answer, evaluate, ids_of, plan, snapshot


def three_lines(error: BenchError) -> str:
    text = str(error)
    assert [line.split(":")[0] for line in text.splitlines()] == ["error", "cause", "fix"]
    return text


@pytest.fixture
def run(tmp_path: Path) -> Path:
    evaluate(tmp_path / "run")
    return tmp_path / "run"


def generations(path: Path) -> str:
    return next(e.name for e in RunFolder.open(path).cells if e.record == "generations")


def test_a_finished_run_can_be_read(run: Path) -> None:
    whole = RunFolder.open(run)
    assert whole.finished
    assert whole.manifest["seed"] == SEED
    assert whole.manifest["schema_version"] == 1
    assert [e.status for e in whole.cells] == ["done"] * 3
    assert [(e.n, e.n_failed) for e in whole.cells] == [(11, 0), (7, 1), (3, 0)]
    record = whole.record(generations(run))
    assert (len(record), record.n_failed) == (6, 1)
    assert whole.failures(generations(run)) == {"generations-004": "timed out after 4 s"}
    assert [r.task for r in whole.results()] == ["fake/classification", "fake/density", "fake/generations"]
    assert whole.verify() == []
    names = {p.name for p in run.rglob("*") if p.is_file()}
    assert names == {"run.json", "results.json", "part-00000.parquet", "failed.jsonl"}


def test_the_same_run_twice_has_the_same_bytes(run: Path, tmp_path: Path) -> None:
    evaluate(tmp_path / "again")
    assert snapshot(tmp_path / "again") == snapshot(run)


def test_resuming_a_finished_run_changes_nothing(run: Path) -> None:
    before = snapshot(run)
    evaluate(run, asked=lambda *_: pytest.fail("asked again"))
    assert snapshot(run) == before


def test_results_hold_no_time_and_keep_their_bytes_in_any_order(run: Path) -> None:
    results = RunFolder.open(run).results()
    before = (run / "results.json").read_bytes()
    with RunFolder.resume(run) as again:
        again.write_results(results[::-1])
    assert (run / "results.json").read_bytes() == before
    document = json.loads(before)
    assert document["schema_version"] == 1
    assert document["results"][0]["schema_version"] == 1
    assert not {"created", "seconds", "host"} & {*document, *document["results"][0]}


def test_a_result_that_is_no_number_is_refused_and_the_file_stays(run: Path) -> None:
    before = (run / "results.json").read_bytes()
    with RunFolder.resume(run) as again:
        bad = replace(again.results()[0], low=float("nan"))
        with pytest.raises(EvaluationError, match="confidence"):
            again.write_results([bad])
    assert (run / "results.json").read_bytes() == before


@pytest.mark.parametrize("content", ["note.txt", "run.json"])
def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / content).write_text("mine")
    with pytest.raises(UsageError) as refused:
        RunFolder.create(tmp_path, {})
    assert ("--resume" in refused.value.fix) == (content == "run.json")
    assert "--out" in refused.value.fix
    assert [p.name for p in tmp_path.iterdir()] == [content]
    assert (tmp_path / content).read_text() == "mine"


def test_a_folder_killed_before_its_manifest_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text('{"pid": 1')
    (tmp_path / ".run.json.77.tmp").write_text("{")
    with pytest.raises(UsageError, match="not a run folder"):
        RunFolder.resume(tmp_path)
    RunFolder.create(tmp_path, {}).close()
    assert [p.name for p in tmp_path.iterdir()] == ["run.json"]


def test_a_file_in_the_way_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(UsageError) as refused:
            RunFolder.create(path, {})
        three_lines(refused.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("code", [13, 30])  # EACCES, EROFS: root is stopped by neither mode bits nor owners
@pytest.mark.parametrize("function", ["mkdir", "open"])
def test_an_unwritable_place_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, function: str
) -> None:
    real = getattr(os, function)

    def refuse(path: Any, *args: Any, **options: Any) -> Any:
        if Path(path).name in {"c", "run.lock"}:
            raise OSError(code, os.strerror(code), str(path))
        return real(path, *args, **options)

    monkeypatch.setattr(os, function, refuse)
    with pytest.raises(UsageError, match="no run can be written") as refused:
        RunFolder.create(tmp_path / "a" / "b" / "c", {})
    assert os.strerror(code) in three_lines(refused.value)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_a_usage_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="no run can be written"):
            RunFolder.create(tmp_path / "run", {})
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("opened", [RunFolder.open, RunFolder.resume])
def test_what_is_no_run_is_refused(tmp_path: Path, opened: Callable[[Path], RunFolder]) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="not a run folder"):
            opened(path)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_run_is_refused(run: Path) -> None:
    write_sealed(run / "run.json", {"schema_version": 2, "cells": "another shape"})
    for opened in (RunFolder.open, RunFolder.resume):
        with pytest.raises(UsageError, match="newer bench"):
            opened(run)
    assert not (run / "run.lock").exists()


@pytest.mark.parametrize("name", ["run.json", "results.json"])
def test_any_damage_to_a_document_is_found(run: Path, name: str) -> None:
    data = (run / name).read_bytes()
    for share in np.linspace(0, 1, 60, endpoint=False):
        at = int(share * len(data))
        while data[at : at + 1].isspace():  # between values, white space says nothing
            at += 1
        for bad in (data[:at], data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]):
            (run / name).write_bytes(bad)
            with pytest.raises(BenchError) as found:
                RunFolder.open(run).results()
            assert name in found.value.what
            three_lines(found.value)


def test_names_that_lead_out_of_the_run_are_damage(run: Path) -> None:
    document = json.loads((run / "run.json").read_text())
    for change in ({"name": "../../x"}, {"status": "great"}, {"parts": [{"file": "../x", "sha256": "", "rows": 1}]}):
        bad = {**document, "cells": [{**document["cells"][0], **change}]}
        write_sealed(run / "run.json", bad)
        with pytest.raises(EvaluationError, match="damaged"):
            RunFolder.open(run)


def test_a_reader_cannot_write(run: Path) -> None:
    reader = RunFolder.open(run)
    for act in (reader.finish, lambda: reader.update_cell(reader.cells[0]), lambda: reader.write_results([])):
        with pytest.raises(UsageError, match="reading only"):
            act()
    closed = RunFolder.resume(run)
    closed.close()
    with pytest.raises(UsageError, match="reading only"):
        closed.finish()


def test_what_is_not_there_yet_is_incomplete(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", {}, plan()) as run:
        for act in (run.results, lambda: run.record(plan()[0].name)):
            with pytest.raises(IncompleteError) as missing:
                act()
            assert f"--resume {tmp_path / 'run'}" in missing.value.fix
        journal = run.journal(plan()[0].name, ids_of("classification"))
        with pytest.raises(IncompleteError, match="not complete"):
            run.compact(plan()[0], journal)
        with pytest.raises(UsageError, match="no cell"):
            run.cell("nothing")


def test_the_manifest_is_updated_and_copied(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", {"suite": "s", "config": {"a": 1}}) as run:
        run.manifest["config"]["a"] = 2
        assert run.manifest["config"]["a"] == 1
        run.update(git="abc")
        assert RunFolder.open(tmp_path / "run").manifest["git"] == "abc"


def test_a_record_without_a_journal_is_stored(tmp_path: Path) -> None:
    record = Regression(ids=np.array(["a", "b"]), y=np.zeros(2), mean=np.ones(2), std=np.ones(2), n_failed=3)
    entry = CellEntry(name="c", model="m", task="t", area="a", record="regression")
    with RunFolder.create(tmp_path / "run", {}) as run:
        done = run.store(entry, record)
        assert (done.status, done.n, done.n_failed) == ("done", 5, 3)
    again = RunFolder.open(tmp_path / "run")
    assert again.cell("c") == done
    assert again.record("c").n_failed == 3


def test_a_record_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    record = Regression(ids=np.array(["a"]), y=np.zeros(1), mean=np.ones(1), std=np.ones(1))
    entry = CellEntry(name="c", model="m", task="t", area="a", record="strange")
    with RunFolder.create(tmp_path / "run", {}) as run:
        run.store(entry, record)
        with pytest.raises(UsageError, match="strange"):
            run.record("c")


def test_failed_samples_can_be_asked_again_alone(run: Path) -> None:
    name = generations(run)
    before = RunFolder.open(run).record(name)
    with RunFolder.resume(run) as again:
        journal = again.reopen(name, ids_of("generations"))
        assert journal.owed == [1]
        assert again.cell(name).status == "planned"
        with journal:
            first, _ = answer("generations", range(3, 6))
            spare, _ = answer("generations", range(3, 4))
            assert first is not None
            assert spare is not None
            journal.append(1, first, {"generations-004": "again"})
            again.compact(again.cell(name), journal)
        assert again.failures(name) == {"generations-004": "again"}
        np.testing.assert_array_equal(again.record(name).ids, before.ids)
    assert [p.name for p in sorted((run / "cells" / name).iterdir())] == ["failed.jsonl", "part-00000.parquet"]


def test_a_cell_that_was_reopened_without_failures_keeps_its_bytes(run: Path) -> None:
    before = snapshot(run)
    with RunFolder.resume(run) as again:
        name = again.cells[0].name
        with again.reopen(name, ids_of("classification")) as journal:
            assert journal.owed == []
            again.compact(again.cell(name), journal)
    assert snapshot(run) == before


def test_names_of_cells_are_safe_and_told_apart() -> None:
    assert cell_name("ood/digits", "hf:./My Model", "0123456789ab") == "ood-digits--hf-.-my-model--01234567"
    assert cell_name("a", "b", "0123456789ab", decoder="self--consistency") == "a--b--self-consistency--01234567"
    odd = cell_name("../../etc", "\x00/", "ff" * 8)
    entry = CellEntry(name=odd, model="m", task="t", area="a", record="density")
    assert entries_from_json([json.loads(json.dumps(entry.as_json()))]) == [entry]
    assert len(cell_name("t" * 500, "m" * 500, "ff" * 8, decoder="d" * 500)) < 255


def test_an_empty_classification_is_no_accident(tmp_path: Path) -> None:
    entry = CellEntry(name="c", model="m", task="t", area="a", record="classification", batch=2)
    with RunFolder.create(tmp_path / "run", {}, [entry]) as run:
        with run.journal("c", np.array(["a", "b", "c"])) as journal:
            journal.append(0, None, {"a": "x", "b": "y"})
            journal.append(1, None, {"c": "z"})
            done = run.compact(entry, journal)
        assert (done.n, done.n_failed) == (3, 3)
        record = run.record("c")
        assert isinstance(record, Classification)
        assert (len(record), record.n_failed) == (0, 3)
