from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.arrays import Ragged
from bench.errors import RecordError
from bench.records import RECORDS, Classification, Generations, Record, Regression
from bench.runners import parts
from bench.runners.parts import DamageError, Part
from tests.runners.records_of import records, same

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def classification(n: int = 50) -> Classification:
    rng = np.random.default_rng(1)
    return Classification(
        ids=np.array([f"s{i}" for i in range(n)]), labels=rng.integers(0, 4, n), logits=rng.normal(size=(n, 4))
    )


@pytest.mark.parametrize("kind", RECORDS)
@few
@given(data=st.data())
def test_a_part_gives_the_record_back_bit_for_bit(kind: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    record = data.draw(records(kind))
    path = tmp_path_factory.mktemp("part") / "part-00000.parquet"
    part = parts.write_part(path, parts.to_table(record))
    assert part.rows == len(record)
    assert part.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert same(parts.from_table(type(record), parts.read_part(path, part)), record)


@pytest.mark.parametrize("kind", RECORDS)
@few
@given(data=st.data())
def test_rows_joined_in_any_grouping_make_the_same_bytes(kind: str, data: st.DataObject, tmp_path_factory: Any) -> None:
    record = data.draw(records(kind))
    cut = data.draw(st.integers(0, len(record)))
    pieces = [r for r in (record.take(np.arange(cut)), record.take(np.arange(cut, len(record)))) if len(r)]
    pieces = [type(r)(**{**vars(r), "n_failed": record.n_failed if i == 0 else 0}) for i, r in enumerate(pieces)]
    folder = tmp_path_factory.mktemp("parts")
    whole = parts.write_part(folder / "a.parquet", parts.to_table(record))
    joined = parts.write_part(folder / "b.parquet", parts.join([parts.to_table(r) for r in pieces]))
    assert joined.sha256 == whole.sha256


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_of_no_rows_survives(kind: str, tmp_path: Path) -> None:
    nothing = parts.empty(RECORDS[kind])
    path = tmp_path / "part.parquet"
    part = parts.write_part(path, parts.with_failures(parts.to_table(nothing), 4))
    back = parts.from_table(RECORDS[kind], parts.read_part(path, part))
    assert len(back) == 0
    assert back.n_failed == 4


def test_columns_of_no_width_survive(tmp_path: Path) -> None:
    record = Classification(
        ids=np.array(["a", "b"]),
        labels=np.array([0, 1]),
        logits=np.zeros((2, 2)),
        features=np.zeros((2, 0), np.float32),
    )
    part = parts.write_part(tmp_path / "p.parquet", parts.to_table(record))
    assert same(parts.from_table(Classification, parts.read_part(tmp_path / "p.parquet", part)), record)


def test_any_parquet_reader_can_read_a_part(tmp_path: Path) -> None:
    record = classification()
    parts.write_part(tmp_path / "p.parquet", parts.to_table(record))
    frame = pq.read_table(tmp_path / "p.parquet").to_pandas()
    assert list(frame["ids"]) == list(record.ids)
    np.testing.assert_array_equal(np.stack(frame["logits"].to_list()), record.logits)
    assert pq.read_metadata(tmp_path / "p.parquet").row_group(0).column(0).compression == "ZSTD"


def test_half_a_surrogate_pair_in_a_text_is_replaced_and_whole_pairs_are_kept() -> None:
    record = Generations(
        ids=np.array(["a"]),
        answer=np.array(["x\ud83d"], dtype=object),
        correct=np.array([True]),
        confidence=np.array([0.5]),
        text=Ragged.of([["\ud83dy", "😀\x00é"]], object),
        logprob=Ragged.of([[-1.0, -2.0]], float),
        tokens=Ragged.of([[1, 2]], int),
    )
    back = parts.from_table(Generations, parts.to_table(record))
    assert isinstance(back, Generations)
    assert back.answer.tolist() == ["x\ufffd"]
    assert back.text[0].tolist() == ["\ufffdy", "😀\x00é"]


@pytest.mark.parametrize(("answer", "message"), [(None, "missing"), (3, "no text")])
def test_what_is_no_text_is_refused(answer: object, message: str) -> None:
    record = Generations(
        ids=np.array(["a"]),
        answer=np.array([answer], dtype=object),
        correct=np.array([True]),
        confidence=np.array([0.5]),
        text=Ragged.of([["t"]], object),
        logprob=Ragged.of([[-1.0]], float),
        tokens=Ragged.of([[1]], int),
    )
    with pytest.raises(RecordError, match=message):
        parts.to_table(record)


def test_an_id_that_is_no_utf8_is_refused() -> None:
    record = Classification(ids=np.array(["\ud800"]), labels=np.array([0]), logits=np.zeros((1, 2)))
    with pytest.raises(RecordError, match="'ids'"):
        parts.to_table(record)


def test_batches_of_other_shapes_are_not_joined() -> None:
    a = classification(2)
    b = Classification(ids=np.array(["z"]), labels=np.array([0]), logits=np.zeros((1, 9)))
    with pytest.raises(RecordError, match="disagree"):
        parts.join([parts.to_table(a), parts.to_table(b)])


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.8, 0.99])
def test_every_flipped_bit_is_found(share: float, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    part = parts.write_part(path, parts.to_table(classification()))
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 1 << 3
    path.write_bytes(data)
    with pytest.raises(DamageError, match="checksum") as found:
        parts.read_part(path, part)
    assert found.value.path == path


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_every_truncation_is_found(share: float, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    part = parts.write_part(path, parts.to_table(classification()))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DamageError, match="checksum"):
        parts.read_part(path, part)
    path.unlink()
    with pytest.raises(DamageError, match="cannot be read"):
        parts.read_part(path, part)


def test_a_file_that_is_no_part_is_named_even_with_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(DamageError, match="cannot be read as a part"):
        parts.read_part(path, Part(path.name, hashlib.sha256(b"not parquet").hexdigest(), 3))


def test_a_record_declared_elsewhere_is_found_by_its_kind() -> None:
    class Mine(Regression):
        kind = "mine-of-the-tests"

    assert parts.record_type("mine-of-the-tests") is Mine
    assert parts.record_type("classification") is Classification
    assert parts.record_type("nothing") is None
    assert issubclass(Mine, Record)


def test_a_million_rows_take_seconds(tmp_path: Path) -> None:
    n = 1_000_000
    rng = np.random.default_rng(0)
    ids = np.char.add("s", np.arange(n).astype(str))
    record = Classification(ids=ids, labels=rng.integers(0, 10, n), logits=rng.normal(size=(n, 10)))
    start = time.process_time()
    part = parts.write_part(tmp_path / "p.parquet", parts.to_table(record))
    back = parts.from_table(Classification, parts.read_part(tmp_path / "p.parquet", part))
    # Arrow's own work is 2 s of one core; a loop over rows in Python would be 20 s or more.
    assert time.process_time() - start < 10
    assert same(back, record)
