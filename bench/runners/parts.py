"""Parts: records as parquet files, and back, column by column.

A part describes itself (kind of record, attributes and shapes in its metadata) and has the same bytes whenever it is
made of the same values by the same version of the parquet library: it holds no time, host or path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.arrays import AnyArray, Ragged
from bench.errors import RecordError
from bench.records import RECORDS, Column, Record
from bench.records.base import DTYPES
from bench.runners.atomic import write_bytes
from bench.runners.identity import file_digest

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 1 << 17
METADATA = b"bench"
PART_VERSION = 1


@dataclass(frozen=True)
class Part:
    """A file of a cell as run.json lists it: its name in the cell's folder, SHA-256, rows, and record attributes."""

    file: str
    sha256: str
    rows: int
    attributes: Mapping[str, Any] = field(default_factory=dict)


class DamageError(Exception):
    """A file is not what was written; the message says how that was noticed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def record_type(kind: str) -> type[Record] | None:
    """The record class of that kind, built in or declared by a plugin; `None` if there is none."""
    if kind in RECORDS:
        return RECORDS[kind]
    known = list(Record.__subclasses__())
    for cls in known:
        if cls.kind == kind:
            return cls
        known.extend(cls.__subclasses__())
    return None


def to_table(record: Record) -> pa.Table:
    """The record as an Arrow table, without a copy where Arrow can have the arrays as they are.

    Scalars become plain columns, rows of fixed shape nested fixed-size lists, ragged rows large lists.
    Raises `RecordError` for a text that is none and for an id that UTF-8 cannot hold.
    """
    import pyarrow as pa

    arrays: list[pa.Array] = []
    fields_: list[pa.Field] = []
    shapes: dict[str, list[int]] = {}
    for name, spec in record.columns().items():
        value = getattr(record, name)
        if value is None:
            continue
        shapes[name] = list(value.shape[1:]) if spec.dims else []
        if 0 in shapes[name]:
            continue  # nothing to hold; the shape alone brings it back
        array = _to_arrow(record.kind, name, spec, value)
        arrays.append(array)
        fields_.append(pa.field(name, array.type, nullable=False))
    about = {
        "version": PART_VERSION,
        "record": record.kind,
        "attributes": record.attribute_values(),
        "shapes": shapes,
    }
    schema = pa.schema(fields_, metadata={METADATA: json.dumps(about, sort_keys=True)})
    return pa.Table.from_arrays(arrays, schema=schema)


def from_table(cls: type[Record], table: pa.Table) -> Record:
    """The record whose `to_table` this is; its arrays are writable copies."""
    about = _about(table)
    values: dict[str, Any] = {}
    for name, spec in cls.columns().items():
        if name not in about["shapes"]:
            continue
        shape = about["shapes"][name]
        values[name] = (
            np.empty((table.num_rows, *shape), dtype=DTYPES[spec.dtype])
            if 0 in shape
            else _from_arrow(spec, shape, _one_chunk(table.column(name)))
        )
    for name, value in about["attributes"].items():
        values[name] = tuple(value) if isinstance(value, list) else value
    return cls(**values)


def join(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of one record, end to end, in one chunk a column.  Failures add up; other attributes must agree."""
    import pyarrow as pa

    abouts = [_about(table) for table in tables]
    failed = sum(int(about["attributes"].get("n_failed", 0)) for about in abouts)
    for about in abouts:
        about["attributes"]["n_failed"] = failed
    if any(about != abouts[0] for about in abouts):
        raise RecordError(
            f"{abouts[0]['record']}: the batches of one cell disagree",
            cause="their columns, shapes or attributes differ",
            fix="let the model answer every batch in the same form",
        )
    metadata = {METADATA: json.dumps(abouts[0], sort_keys=True)}
    return pa.concat_tables([table.replace_schema_metadata(metadata) for table in tables]).combine_chunks()


def with_failures(table: pa.Table, n_failed: int) -> pa.Table:
    """The table with so many more samples that gave no answer."""
    about = _about(table)
    about["attributes"]["n_failed"] = int(about["attributes"].get("n_failed", 0)) + n_failed
    return table.replace_schema_metadata({METADATA: json.dumps(about, sort_keys=True)})


def empty(cls: type[Record]) -> Record:
    """The record of a cell in which no sample gave an answer."""
    columns: dict[str, Any] = {name: _nothing(spec) for name, spec in cls.columns().items()}
    required = {name: values for name, values in columns.items() if not cls.columns()[name].optional}
    try:
        return cls(**required)
    except RecordError:  # a record that wants one of several optional forms
        return cls(**columns)


def write_part(path: Path, table: pa.Table) -> Part:
    """Write a table as a part, atomically: zstd, fixed row groups, deterministic bytes.  Raises `OSError`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP, version="2.6")
    data = memoryview(sink.getvalue())
    write_bytes(path, data)
    return describe(path.name, data, table.num_rows, _about(table)["attributes"])


def describe(file: str, data: bytes | memoryview, rows: int, attributes: Mapping[str, Any] | None = None) -> Part:
    """The entry for a file with that content."""
    return Part(file, hashlib.sha256(data).hexdigest(), rows, dict(attributes or {}))


def read_part(path: Path, part: Part) -> pa.Table:
    """The table of a part.  Raises `DamageError` where the file is not, byte for byte, the one that was written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = read_checked(path, part)
    try:
        table = pq.read_table(pa.BufferReader(pa.py_buffer(data)))
        about = _about(table)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DamageError(path, f"it cannot be read as a part: {error}") from error
    if about.get("version") != PART_VERSION or table.num_rows != part.rows:
        raise DamageError(path, f"it holds {table.num_rows} rows of version {about.get('version')}, not {part.rows}")
    return table


def check(path: Path, part: Part) -> None:
    """Raise `DamageError` where a file of a cell is not, byte for byte, the one that was written."""
    try:
        digest = file_digest(path)
    except OSError as error:
        raise DamageError(path, f"it cannot be read: {error.strerror or error}") from error
    if digest != part.sha256:
        raise DamageError(path, f"its checksum is not the one in run.json ({path.stat().st_size} bytes found)")


def read_checked(path: Path, part: Part) -> bytes:
    """The bytes of a file of a cell, after its checksum.  Raises `DamageError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DamageError(path, f"it cannot be read: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise DamageError(path, f"its checksum is not the one in run.json ({len(data)} bytes found)")
    return data


def _about(table: pa.Table) -> dict[str, Any]:
    about: dict[str, Any] = json.loads((table.schema.metadata or {})[METADATA])
    return about


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=column.type)


def _to_arrow(kind: str, name: str, spec: Column, value: AnyArray | Ragged) -> pa.Array:
    import pyarrow as pa

    if isinstance(value, Ragged):
        flat = _flat_to_arrow(kind, name, spec, value.values)
        return pa.LargeListArray.from_arrays(pa.array(np.asarray(value.offsets, dtype=np.int64)), flat)
    array = _flat_to_arrow(kind, name, spec, value.reshape(-1))
    for size in value.shape[:0:-1]:
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array


def _flat_to_arrow(kind: str, name: str, spec: Column, values: AnyArray) -> pa.Array:
    import pyarrow as pa

    if spec.dtype not in {"str", "text"}:
        return pa.array(np.ascontiguousarray(values))
    try:
        array = pa.array(values, type=pa.large_string()) if spec.dtype == "text" else pa.array(values)
    except UnicodeError as error:
        if spec.dtype == "str":
            raise RecordError(
                f"{kind}: column '{name}' holds a string that UTF-8 cannot", cause=str(error), fix="give plain names"
            ) from error
        # What a model wrote may hold half a surrogate pair; it is kept, with the replacement sign in its place.
        array = pa.array([_utf8(text) for text in values], type=pa.large_string())
    except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
        raise RecordError(
            f"{kind}: column '{name}' holds something that is no text", cause=str(error), fix="give strings"
        ) from error
    if array.null_count:
        raise RecordError(
            f"{kind}: column '{name}' holds {array.null_count} missing texts",
            cause="None is no text",
            fix="give an empty string",
        )
    return array.cast(pa.large_string())


def _utf8(text: str) -> str:
    return text.encode("utf-16", errors="surrogatepass").decode("utf-16", errors="replace")


def _from_arrow(spec: Column, shape: list[int], array: pa.Array) -> AnyArray | Ragged:
    if spec.ragged:
        offsets = array.offsets.to_numpy().astype(np.int64)
        return Ragged(_flat_from_arrow(spec, array.flatten()), offsets - offsets[0])
    rows = len(array)
    for _ in shape:
        array = array.flatten()
    return _flat_from_arrow(spec, array).reshape(rows, *shape)


def _flat_from_arrow(spec: Column, array: pa.Array) -> AnyArray:
    values = array.to_numpy(zero_copy_only=False)
    return np.array(values, dtype=DTYPES[spec.dtype])


def _nothing(spec: Column) -> AnyArray | Ragged:
    values: AnyArray = np.empty((0,) * (1 + spec.dims), dtype=DTYPES[spec.dtype])
    return Ragged(values, np.zeros(1, dtype=np.int64)) if spec.ragged else values
