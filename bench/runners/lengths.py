"""Parts of records too long for memory: written and read some rows at a time."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.records import Record, long
from bench.records.long import Long
from bench.runners import parts
from bench.runners.atomic import TEMPORARY, sync_folder
from bench.runners.identity import file_digest
from bench.runners.parts import DamageError, Part


def write_long(path: Path, record: Long) -> Part:
    """Write a long record as a part, atomically, one row group a block.  Raises `OSError`.

    The file says what a part of a record in memory says, so that it can be read as one.
    """
    import pyarrow.parquet as pq

    head = replace(record.head, n_failed=record.n_failed)
    schema = parts.to_table(head).schema
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd", version="2.6") as writer:
            for block in record.read():
                writer.write_table(parts.to_table(block).replace_schema_metadata(schema.metadata))
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        digest = file_digest(temporary)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    return Part(path.name, digest, len(record), head.attribute_values())


def read_long(cls: type[Record], path: Path, part: Part) -> Long | None:
    """The record of a part in blocks, after its checksum; `None` for one that fits into memory.

    Raises `DamageError` where the file is not, byte for byte, the one that was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not part.rows:
        return None
    try:
        about = pq.read_schema(path).metadata
        shapes = json.loads(about[parts.METADATA])["shapes"]
        columns = cls.columns()
        if any(columns[name].ragged for name in shapes):
            return None
        row = sum(long.itemsize(columns[name].dtype) * int(np.prod(shape)) for name, shape in shapes.items())
        if row * part.rows <= long.MOST:
            return None
        parts.check(path, part)
        step = max(1, min(1 << 16, long.BLOCK // row))
        read = partial(_blocks, cls, path, step)
        head = next(read())
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DamageError(path, f"it cannot be read as a part: {error}") from error
    counts = Counter[str]()
    for block in read() if head.splits is not None else ():
        assert block.splits is not None  # noqa: S101 - all blocks have the columns of the first
        counts.update(long.counted(block.splits))
    return Long(cls, replace(head, n_failed=0), read, part.rows, counts, int(part.attributes.get("n_failed", 0)), path)


def _blocks(cls: type[Record], path: Path, rows: int) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        schema = file.schema_arrow
        about: dict[str, Any] = json.loads(schema.metadata[parts.METADATA])
        about["attributes"]["n_failed"] = 0
        whole = schema.with_metadata({parts.METADATA: json.dumps(about)})
        for batch in file.iter_batches(batch_size=rows):
            yield parts.from_table(cls, pa.Table.from_batches([batch]).cast(whole))
