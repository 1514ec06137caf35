"""From a journal to parts: the rows of all batches in sample order, and beside them what failed.

Always made from what is on disk, never from what is in memory: a run that was killed and resumed takes the same way
to its parts as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.records import Record
from bench.records.long import Long
from bench.runners import parts
from bench.runners.atomic import make_folder, remove, sync_folder, write_bytes
from bench.runners.journal import Journal
from bench.runners.lengths import write_long
from bench.runners.parts import DamageError, Part, read_checked

if TYPE_CHECKING:
    import pyarrow as pa

PART = "part-00000.parquet"
FAILED = "failed.jsonl"
GROUP = 8192


@dataclass(frozen=True)
class Failure:
    """A sample that was asked and gave no answer: its position, id and the reason."""

    at: int
    id: str
    reason: str


def gather(journal: Journal) -> tuple[pa.Table, list[Failure]]:
    """All answers of a complete journal as one table, and all failures.  Raises `DamageError`, `RecordError`."""
    failures: list[Failure] = []
    tables = [parts.to_table(record) for record in _records(journal, failures)]
    table = parts.join(tables) if tables else parts.to_table(parts.empty(journal.record_type))
    return parts.with_failures(table, len(failures)), failures


def write(folder: Path, content: pa.Table | Record | Long, failures: Sequence[Failure]) -> tuple[Part, ...]:
    """Write a cell's files; they count once run.json lists them.  Raises `OSError`."""
    make_folder(folder)
    if isinstance(content, Long):
        files = [write_long(folder / PART, content)]
    else:
        table = parts.to_table(content) if isinstance(content, Record) else content
        files = [parts.write_part(folder / PART, table)]
    if failures:
        lines = [json.dumps({"at": f.at, "id": f.id, "reason": f.reason}).encode() + b"\n" for f in failures]
        data = b"".join(lines)
        write_bytes(folder / FAILED, data)
        files.append(parts.describe(FAILED, data, len(failures)))
    elif remove(folder / FAILED):
        sync_folder(folder)
    return tuple(files)


def read_failures(folder: Path, files: Sequence[Part]) -> dict[str, str]:
    """The reasons by id.  Raises `DamageError`."""
    reasons: dict[str, str] = {}
    for part in files:
        if part.file == FAILED:
            try:
                rows = [json.loads(line) for line in read_checked(folder / FAILED, part).splitlines()]
                reasons.update({row["id"]: row["reason"] for row in rows})
            except (ValueError, KeyError, TypeError) as error:
                raise DamageError(folder / FAILED, f"it cannot be read: {error}") from error
    return reasons


def refill(journal: Journal, record: Record, failures: Mapping[str, str]) -> None:
    """Put the batches of a finished cell in which nothing failed back into an empty journal."""
    position = 0
    for batch in range(journal.layout.batches):
        names = [str(journal.layout.ids[i]) for i in journal.layout.rows(batch)]
        answered = sum(name not in failures for name in names)
        if answered == len(names):
            rows = record.take(np.arange(position, position + answered))
            journal.append(batch, _without_failures(rows))
        position += answered


def _records(journal: Journal, failures: list[Failure]) -> Iterator[Record]:
    rows: list[dict[str, Any]] = []
    attributes: dict[str, Any] = {}
    for k in range(journal.layout.batches):
        batch = journal.read(k)
        rows.extend(batch.rows)
        attributes = attributes or batch.attributes
        positions = {str(journal.layout.ids[i]): i for i in journal.layout.rows(k)} if batch.failed else {}
        failures.extend(Failure(positions[name], name, reason) for name, reason in batch.failed.items())
        if len(rows) >= GROUP:
            yield journal.record_type.from_rows(rows, attributes)
            rows = []
    if rows:
        yield journal.record_type.from_rows(rows, attributes)


def _without_failures(record: Record) -> Record:
    return replace(record, n_failed=0)
