"""Files of predictions that are too long for memory: checked in one reading, and read again in blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import AnyArray
from bench.errors import RecordError
from bench.predictions.fields import Convention, Found
from bench.predictions.sources import Source
from bench.predictions.table import Table, doubled, refuse_nothing, refuse_nothing_to_score, tables
from bench.records import Record, long
from bench.records.long import Long

KINDS = ("classification", "regression", "ood")  # whose metrics can be made from blocks


@dataclass(frozen=True)
class File:
    """An open file, where its columns are, and how many of its rows make a block."""

    source: Source
    found: Mapping[str, Found]
    convention: Convention
    name: str
    rows: int

    def tables(self) -> Iterator[Table]:
        """Blocks of rows."""
        return tables(self.source, self.found, self.convention, self.name, self.rows)

    def records(self, name: str) -> Iterator[Record]:
        """The record of that name, in blocks; blocks of failed rows only are left out."""
        for table in self.tables():
            if len(table):
                yield self.convention.build(table)[name]


@dataclass
class _Seen:
    """What is known of a file so far, over all of its blocks."""

    rows: int = 0
    failed: int = 0
    weighing: int = 0
    splits: Counter[str] = field(default_factory=Counter)
    ids: list[AnyArray] = field(default_factory=list)
    heads: dict[str, Record] = field(default_factory=dict)

    def add(self, file: File, table: Table) -> None:
        """One more block, which must be like the first."""
        self.failed += table.failed
        if not len(table):
            return
        if "id" in file.found:
            self.ids.append(long.keys(table.ids))
        for name, record in file.convention.build(table).items():
            head = self.heads.setdefault(name, record)
            _refuse_another(file, head, record, int(table.rows[0]))
        splits, weights = table.get("split"), table.get("weight")
        test = np.ones(len(table), dtype=bool) if splits is None else splits == "test"
        self.splits.update({} if splits is None else long.counted(splits))
        self.weighing += int(test.sum() if weights is None else (weights[test] > 0).sum())
        self.rows += len(table)


def long_records(source: Source, found: Mapping[str, Found], convention: Convention, path: Path) -> dict[str, Any]:
    """The `Long` records of a file by name, every row checked; empty where the file fits into memory.

    Raises `UsageError` as a file in memory does; where rows are wrong it tells of those in the first block that has
    one.
    """
    counts = source.values()
    if counts is None or convention.kind not in KINDS:
        return {}
    size = sum(long.itemsize(way.field.dtype) * counts[name] for way in found.values() for name in way.columns)
    most = max(counts.values(), default=0)
    rows = min((counts[name] for way in found.values() for name in way.columns), default=most)
    size += 0 if "id" in found else rows * 4 * len(str(rows))
    if size <= long.MOST:
        return {}
    block = max(1, min(1 << 16, long.BLOCK * rows // size))
    file = File(source, found, convention, path.stem, block)
    seen = _Seen()
    for table in file.tables():
        seen.add(file, table)
    refuse_nothing(source.file, seen.rows, seen.failed)
    tests = seen.splits["test"] if seen.splits else seen.rows
    refuse_nothing_to_score(source.file, found, seen.rows, tests, seen.weighing)
    if "id" in found:
        _refuse_doubles(file, np.concatenate(seen.ids))
    return {
        name: Long(type(head), head, partial(file.records, name), seen.rows, seen.splits, seen.failed, path)
        for name, head in seen.heads.items()
    }


def _refuse_another(file: File, head: Record, record: Record, row: int) -> None:
    """Raise where a block has other facts or widths than the first."""
    for name, value in head.attribute_values().items():
        other = record.attribute_values()[name]
        if name != "n_failed" and other != value:
            raise RecordError(
                f"{file.source.file}: '{name}' is {other} from row {row} on",
                cause=f"it is {value} before, and holds for the whole file",
                fix=f"bench show record {file.convention.kind}",
            )
    for name in head.columns():
        first, other = getattr(head, name), getattr(record, name)
        if first is not None and first.shape[1:] != other.shape[1:]:
            raise RecordError(
                f"{file.source.file}: the rows of '{name}' differ in length",
                cause=f"there are rows of {first.shape[1]} and, from row {row} on, of {other.shape[1]} values",
                fix="give every row the same number of values",
            )


def _refuse_doubles(file: File, each: AnyArray) -> None:
    """Raise where two rows have one id.  Keys find out which ids to compare, the ids themselves decide."""
    ordered = np.sort(each)
    same = ordered[1:] == ordered[:-1]
    if not same.any():
        return
    suspects = np.unique(ordered[1:][same])
    rows: dict[str, int] = {}
    for table in file.tables():
        for i in np.flatnonzero(np.isin(long.keys(table.ids), suspects)) if len(table) else ():
            name, row = str(table.ids[i]), int(table.rows[i])
            if name in rows:
                column = file.found["id"].columns[0]
                raise doubled(file.source.file, column, name, (rows[name], row), int(same.sum()))
            rows[name] = row
