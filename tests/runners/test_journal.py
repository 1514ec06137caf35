from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.errors import RecordError
from bench.records import RECORDS, Classification, Density, Record
from bench.runners import compaction, parts
from bench.runners.journal import Journal, Layout, journal_files
from bench.runners.parts import DamageError
from tests.runners.fake_run import answer, ids_of
from tests.runners.records_of import records, same

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
LAYOUT = Layout(ids_of("generations"), 3)


def opened(folder: Path, **options: Any) -> Journal:
    return Journal.open(folder, RECORDS["generations"], LAYOUT, key="k", **options)


def filled(folder: Path, batches: tuple[int, ...] = (0, 1, 2)) -> Path:
    with opened(folder) as journal:
        for k in batches:
            journal.append(k, *answer("generations", LAYOUT.rows(k)))
    return journal_files(folder)[-1]


def contents(journal: Journal) -> dict[int, Any]:
    return {k: journal.read(k) for k in journal.done}


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    return tmp_path / "run" / "cells" / "c"


@pytest.mark.parametrize("kind", RECORDS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_journal_gives_the_record_back_bit_for_bit(kind: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    record = data.draw(records(kind))
    record = type(record)(**{**vars(record), "n_failed": 0})
    layout = Layout(record.ids, data.draw(st.integers(1, len(record))))
    folder = tmp_path_factory.mktemp("journal") / "cells" / "c"
    with Journal.open(folder, type(record), layout) as journal:
        for k in journal.owed:
            journal.append(k, record.take(np.array(layout.rows(k))))
    table, failures = compaction.gather(Journal.open(folder, type(record), layout))
    assert failures == []
    assert same(parts.from_table(type(record), table), record)


def test_what_is_appended_is_there_in_the_next_session(cell: Path) -> None:
    filled(cell, (0, 2))
    journal = opened(cell)
    assert (set(journal.done), journal.owed) == ({0, 2}, [1])
    assert journal.damage == []
    assert journal.read(2).failed == {}
    with journal:
        journal.append(1, *answer("generations", LAYOUT.rows(1)))
    assert [p.name for p in journal_files(cell)] == ["journal-0.jsonl", "journal-1.jsonl"]
    again = opened(cell)
    assert again.owed == []
    assert again.read(1).failed == {"generations-004": "timed out after 4 s"}


def test_failed_batches_are_owed_again_on_request_and_a_later_answer_counts(cell: Path) -> None:
    filled(cell)
    journal = opened(cell, retry_failed=True)
    assert journal.owed == [1]
    rows = answer("generations", range(3, 6))
    other, _ = answer("generations", range(5, 6))
    assert rows[0] is not None
    with journal:
        journal.append(1, other, {"generations-003": "a", "generations-004": "b"})
    assert opened(cell).read(1).failed == {"generations-003": "a", "generations-004": "b"}


def test_ten_sessions_are_read_in_their_order(cell: Path) -> None:
    for i in range(12):
        with opened(cell, retry_failed=True) as journal:
            for k in journal.owed:
                record, failed = answer("generations", LAYOUT.rows(k))
                journal.append(k, record, dict.fromkeys(failed, f"session {i}"))
    assert set(opened(cell).read(1).failed.values()) == {"session 11"}


def test_a_file_cut_anywhere_yields_only_whole_batches(cell: Path) -> None:
    path = filled(cell)
    data, whole = path.read_bytes(), contents(opened(cell))
    seen = set()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for size in sorted({*range(0, len(data), 17), *ends, *(e - 1 for e in ends)} - {len(data)}):
        path.write_bytes(data[:size])
        journal = opened(cell)
        assert contents(journal) == {k: whole[k] for k in journal.done}
        assert journal.damage == []  # a write that was cut short is no damage
        seen.add(len(journal.done))
    assert seen == {0, 1, 2}


def test_a_flipped_bit_anywhere_is_found_and_costs_its_batch_alone(cell: Path) -> None:
    path = filled(cell)
    data, whole = path.read_bytes(), contents(opened(cell))
    header = data.index(b"\n") + 1
    rng = np.random.default_rng(0)
    for at in [*range(header), *rng.integers(header, len(data), 300), len(data) - 1]:
        bad = bytearray(data)
        bad[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bad)
        journal = opened(cell)
        assert contents(journal) == {k: whole[k] for k in journal.done}
        assert len(journal.done) < 3
        if at >= header and data[at] != ord("\n"):
            assert len(journal.done) == 2
        if at < len(data) - 1:
            assert journal.damage, at


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(garbage=st.binary(min_size=1, max_size=40), line=st.integers(0, 11), twice=st.booleans())
def test_garbage_between_lines_costs_the_batch_at_most(
    garbage: bytes, line: int, twice: bool, tmp_path_factory: Any
) -> None:
    cell = tmp_path_factory.mktemp("run") / "cells" / "c"
    path = filled(cell)
    whole = contents(opened(cell))
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(line, garbage + b"\n")
    if twice:
        lines.insert(line, lines[min(line + 1, len(lines) - 1)])
    path.write_bytes(b"".join(lines))
    journal = opened(cell)
    assert contents(journal) == {k: whole[k] for k in journal.done}
    assert len(journal.done) >= 2 or line == 0


def test_lines_in_another_order_make_no_batch(cell: Path) -> None:
    path = filled(cell, (0,))
    header, a, b, c, end = path.read_bytes().splitlines(keepends=True)
    for lines in (
        [b, a, c, end],
        [a, b, end, c],
        [a, c, end],
        [a, b, b, c, end],
        [a, b, c, c, end],
        [end],
        [a, end, b, c],
    ):
        path.write_bytes(b"".join([header, *lines]))
        assert opened(cell).done == set(), lines
    path.write_bytes(b"".join([header, a, b, a, b, c, end]))  # cut short once, then whole
    assert opened(cell).done == {0}


def test_halves_of_a_batch_in_two_files_make_no_batch(cell: Path) -> None:
    path = filled(cell, (0,))
    header, a, b, c, end = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(header + a + b)
    (cell / "journal-1.jsonl").write_bytes(header + c + end)
    assert opened(cell).done == set()


@pytest.mark.parametrize(
    "other",
    [
        {"layout": Layout(ids_of("generations"), 4)},
        {"layout": Layout(ids_of("generations")[::-1], 3)},
        {"key": "another"},
        {"record": RECORDS["density"]},
    ],
)
def test_the_journal_of_another_cell_is_not_read(cell: Path, other: dict[str, Any]) -> None:
    filled(cell)
    values: dict[str, Any] = {"record": RECORDS["generations"], "layout": LAYOUT, "key": "k", **other}
    journal = Journal.open(cell, values["record"], values["layout"], key=values["key"])
    assert journal.done == set()
    assert "another cell" in journal.damage[0]


def test_an_unreadable_journal_is_named(cell: Path) -> None:
    filled(cell)
    (cell / "journal-1.jsonl").mkdir()
    journal = opened(cell)
    assert journal.owed == []
    assert "journal-1.jsonl" in journal.damage[0]


def test_damage_after_opening_is_found_when_it_is_read(cell: Path) -> None:
    path = filled(cell)
    journal = opened(cell)
    path.write_bytes(path.read_bytes().replace(b"timed out", b"timed 0ut"))
    with pytest.raises(DamageError, match="batch 1"):
        compaction.gather(journal)


def batch_of(ids: list[str], classes: int = 2, **columns: Any) -> Record:
    return Classification(
        ids=np.array(ids), labels=np.zeros(len(ids), int), logits=np.zeros((len(ids), classes)), **columns
    )


@pytest.mark.parametrize(
    ("record", "failed"),
    [
        (batch_of(["a"]), {}),
        (batch_of(["b", "a"]), {}),
        (batch_of(["a", "x"]), {}),
        (batch_of(["a", "b"]), {"a": "why"}),
        (batch_of(["a"]), {"x": "why"}),
        (batch_of(["a", "b"]), {"x": "why"}),
        (batch_of(["a", "b"], n_failed=1), {}),
        (None, {"a": "why"}),
    ],
)
def test_answers_must_be_those_of_the_batch(cell: Path, record: Record | None, failed: dict[str, str]) -> None:
    with Journal.open(cell, Classification, Layout(np.array(["a", "b", "c"]), 2)) as journal:
        with pytest.raises(RecordError, match="other samples"):
            journal.append(0, record, failed)
        assert journal.owed == [0, 1]


def test_batches_must_be_alike(cell: Path) -> None:
    with Journal.open(cell, Classification, Layout(np.array(["a", "b"]), 1)) as journal:
        journal.append(0, batch_of(["a"]))
        for other in (batch_of(["b"], classes=3), batch_of(["b"], weights=np.ones(1))):
            with pytest.raises(RecordError, match="disagrees"):
                journal.append(1, other)
    # What the first session said binds the next one too.
    with Journal.open(cell, Classification, Layout(np.array(["a", "b"]), 1)) as journal:
        with pytest.raises(RecordError, match="disagrees"):
            journal.append(1, batch_of(["b"], classes=3))
        journal.append(1, batch_of(["b"]))
        with pytest.raises(ValueError, match="not owed"):
            journal.append(1, batch_of(["b"]))


def test_attributes_must_agree(cell: Path) -> None:
    def density(name: str, likelihood: str) -> Density:
        return Density(ids=np.array([name]), log_prob=np.zeros(1), dim=np.ones(1, int), likelihood=likelihood)

    with Journal.open(cell, Density, Layout(np.array(["a", "b"]), 1)) as journal:
        journal.append(0, density("a", "lower"))
        with pytest.raises(RecordError, match="lower"):
            journal.append(1, density("b", "exact"))


def test_a_cell_in_which_everything_failed_has_an_empty_record(cell: Path) -> None:
    with Journal.open(cell, RECORDS["regression"], Layout(np.array(["a", "b", "c"]), 2)) as journal:
        journal.append(0, None, {"a": "no", "b": "no"})
        journal.append(1, None, {"c": "never"})
    table, failures = compaction.gather(journal)
    record = parts.from_table(RECORDS["regression"], table)
    assert (len(record), record.n_failed) == (0, 3)
    assert [(f.at, f.id, f.reason) for f in failures] == [(0, "a", "no"), (1, "b", "no"), (2, "c", "never")]


def test_groups_of_compaction_do_not_show(cell: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filled(cell)
    digests = set()
    for group in (1, 2, 5, 1000):
        monkeypatch.setattr(compaction, "GROUP", group)
        table, _ = compaction.gather(opened(cell))
        digests.add(parts.write_part(tmp_path / "p.parquet", table).sha256)
    assert len(digests) == 1
