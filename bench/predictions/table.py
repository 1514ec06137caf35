"""The rows of a predictions file as columns in memory, with what is needed to point at a wrong one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Ints, Ragged, Strings
from bench.errors import RecordError
from bench.predictions import sources
from bench.predictions import values as cells
from bench.predictions.fields import Convention, Found
from bench.predictions.sources import Source

SPLITS = ("train", "calibration", "test")


@dataclass(frozen=True)
class Table:
    """Columns by field key: (n,), (n, k) or `Ragged`.

    rows: (n,) numbers of the rows in the file, from 1.  ids: (n,).  failed: rows that were asked and gave no answer;
    they are in no column.  failed_prompts: of those rows, the prompts they belong to, where rows have prompts.
    part: whether the file has more rows than these.
    """

    file: str
    kind: str
    name: str
    found: Mapping[str, Found]
    columns: Mapping[str, Any]
    constants: Mapping[str, Any]
    rows: Ints
    ids: Strings
    failed: int
    failed_prompts: frozenset[str]
    part: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def get(self, key: str) -> Any:
        """The column, or `None` where the file has none."""
        return self.columns.get(key)

    def common(self) -> dict[str, Any]:
        """The columns that every record has, checked."""
        if self.get("weight") is not None:
            weights = self.columns["weight"]
            self.refuse("weight", ~(np.isfinite(weights) & (weights >= 0)), "finite and at least 0")
        if self.get("split") is not None:
            self.refuse("split", ~np.isin(self.columns["split"], SPLITS), "train, calibration or test")
        if not self.part:
            splits, weights = self.get("split"), self.get("weight")
            test = np.ones(len(self), dtype=bool) if splits is None else splits == "test"
            weighing = int(test.sum() if weights is None else (weights[test] > 0).sum())
            refuse_nothing_to_score(self.file, self.found, len(self), int(test.sum()), weighing)
        return {
            "ids": self.ids,
            "groups": self.get("group"),
            "splits": self.get("split"),
            "weights": self.get("weight"),
            "ood": self.get("ood"),
            "dataset": self.get("dataset"),
            "n_failed": self.failed,
        }

    def constant(self, key: str, default: Any) -> Any:
        """A value that holds for the whole file: from its metadata, or from a column that never changes."""
        if key in self.columns:
            column = self.columns[key]
            self.refuse(key, column != column[0], f"the same in every row (the first has {column[0]})")
            return column[0].item() if isinstance(column[0], np.generic) else column[0]
        if key not in self.constants:
            return default
        try:
            return type(default)(self.constants[key])
        except ValueError:
            raise RecordError(
                f"{self.file}: '{key}' in the metadata is {self.constants[key]!r}",
                cause=f"it must be {cells.RULES['int']}",
                fix=f"bench show record {self.kind}",
            ) from None

    def refuse(self, key: str, bad: Bools, rule: str) -> None:
        """Raise where any of `bad` (n,) or (n, k) is true, naming the column and the row: it must be `rule`."""
        if not bad.any():
            return
        by_row: Bools = bad if bad.ndim == 1 else np.any(bad.reshape(len(bad), -1), axis=1)
        row = int(np.argmax(by_row))
        place = None if bad.ndim == 1 else int(np.argmax(bad[row]))
        found = self.found[key]
        value = self.columns[key][row]
        name = found.columns[0]
        if place is not None:
            name = found.columns[place] if found.numbered else f"{name}[{place}]"
            value = value[place]
        elif found.numbered:
            name = f"{name} ... {found.columns[-1]}"
        shown = value if isinstance(value, str) else np.array2string(np.asarray(value), threshold=4, precision=6)
        raise RecordError(
            f"{self.file}: column '{name}', row {self.rows[row]} (id '{self.ids[row]}') is {shown[:80]}",
            cause=f"'{name}' must be {rule}; {self._count(by_row)} not",
            fix=f"bench show record {self.kind}",
        )

    def _count(self, bad: Bools) -> str:
        count = int(bad.sum())
        if not self.part:
            return f"{count} of {len(self)} rows are"
        return f"at least {count} {'row is' if count == 1 else 'rows are'}"

    def refuse_entries(self, key: str, bad: Bools, rule: str) -> None:
        """As `refuse`, for a ragged column: `bad` (total,) is about its values."""
        rows: Ragged = self.columns[key]
        by_row = np.zeros(len(self), dtype=bool)
        by_row[np.repeat(np.arange(len(self)), rows.lengths)[bad]] = True
        self.refuse(key, by_row, rule)


def refuse_nothing_to_score(file: str, found: Mapping[str, Found], rows: int, test: int, weighing: int) -> None:
    """Raise where of so many rows none is a test row, or no test row has a weight above 0."""
    if not test:
        raise RecordError(
            f"{file} holds no test rows",
            cause=f"column '{found['split'].columns[0]}' is train or calibration in all {rows}",
            fix="give the rows that are to be scored split = test, or leave the column out",
        )
    if not weighing:
        raise RecordError(
            f"{file}: column '{found['weight'].columns[0]}' is 0 in every row to be scored",
            cause="a mean of nothing but zero weights is undefined",
            fix="give some rows a weight above 0, or leave the column out",
        )


def refuse_nothing(file: str, rows: int, failed: int) -> None:
    """Raise where no row holds an answer."""
    if not rows:
        raise RecordError(
            f"{file} holds no predictions",
            cause=f"all {failed} rows are marked as failed" if failed else "it has columns but no rows",
            fix="write at least one row",
        )


def collect(source: Source, found: Mapping[str, Found], convention: Convention, name: str) -> Table:
    """Read the located columns, batch after batch.  Memory: the columns kept, and one batch."""
    parts: dict[str, list[Any]] = {key: [] for key in found if key not in {"id", "failed"}}
    rows: list[AnyArray] = []
    ids: list[AnyArray] = []
    prompts: set[str] = set()
    failed = 0
    for each in tables(source, found, convention, name, sources.ROWS):
        rows.append(each.rows)
        ids.append(each.ids)
        failed += each.failed
        prompts |= each.failed_prompts
        for key, column_parts in parts.items():
            column_parts.append(each.columns[key])
    numbers = np.concatenate(rows) if rows else np.empty(0, dtype=np.int64)
    names = np.concatenate(ids) if ids else np.empty(0, dtype=np.str_)
    refuse_nothing(source.file, len(numbers), failed)
    columns = {key: _join(parts.pop(key), found[key], source.file) for key in list(parts)}
    constants, gone = source.constants(), frozenset(prompts)
    table = Table(source.file, convention.kind, name, found, columns, constants, numbers, names, failed, gone)
    _refuse_doubles(table)
    return table


def tables(source: Source, found: Mapping[str, Found], convention: Convention, name: str, rows: int) -> Iterator[Table]:
    """The located columns, about so many rows at a time, each such batch with the numbers of its rows in the file."""
    start = 0
    constants = source.constants()
    for batch in source.batches([column for way in found.values() for column in way.columns], rows):
        reader = _Batch(source, found, convention, batch, start)
        keep = reader.kept()
        start += len(keep)
        prompts: frozenset[str] = frozenset()
        if "prompt_id" in found and not keep.all():
            lost = reader.only(~keep, names_only=True)
            prompts = frozenset(np.asarray(lost.column("prompt_id")).tolist())
        reader = reader if keep.all() else reader.only(keep)
        columns = {key: reader.column(key) for key in found if key not in {"id", "failed"}}
        failed = int((~keep).sum())
        yield Table(
            source.file,
            convention.kind,
            name,
            found,
            columns,
            constants,
            reader.rows,
            reader.ids,
            failed,
            prompts,
            part=True,
        )


def _join(parts: list[Any], way: Found, file: str) -> Any:
    if isinstance(parts[0], Ragged):
        values = np.concatenate([part.values for part in parts])
        lengths = np.concatenate([part.lengths for part in parts])
        return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
    filled = [part for part in parts if len(part)]
    widths = {part.shape[1:] for part in filled}
    if len(widths) > 1:
        raise RecordError(
            f"{file}: the rows of column '{way.columns[0]}' differ in length",
            cause=f"there are rows of {' and '.join(str(w[0]) for w in sorted(widths))} values",
            fix="give every row the same number of values",
        )
    return np.concatenate(filled or parts)


def _refuse_doubles(table: Table) -> None:
    if "id" not in table.found:
        return
    order = np.argsort(table.ids, kind="stable")
    twice = np.flatnonzero(table.ids[order][1:] == table.ids[order][:-1])
    if len(twice):
        second = order[twice + 1].min()
        first = np.flatnonzero(table.ids == table.ids[second])[0]
        name, rows = table.ids[second], (int(table.rows[first]), int(table.rows[second]))
        raise doubled(table.file, table.found["id"].columns[0], str(name), rows, len(twice))


def doubled(file: str, column: str, name: str, rows: tuple[int, int], repeats: int) -> RecordError:
    """The error for two rows of one id."""
    return RecordError(
        f"{file}: column '{column}', row {rows[1]} is '{name}', as row {rows[0]} is",
        cause=f"ids name the samples and must be unique; {repeats} rows repeat one",
        fix="make them unique, or leave the column out; samples that belong together share a 'group'",
    )


class _Batch:
    """Some rows of a file; converts their cells and says where one is wrong."""

    def __init__(
        self, source: Source, found: Mapping[str, Found], convention: Convention, batch: Mapping[str, Any], start: int
    ) -> None:
        self.source, self.found, self.convention, self.batch = source, found, convention, batch
        counts = {name: self._count(name) for name in batch if not name.endswith("_offsets")}
        if len(set(counts.values())) > 1:
            first, *others = counts.items()
            other = next(item for item in others if item[1] != first[1])
            raise RecordError(
                f"{source.file}: '{other[0]}' has {other[1]} rows",
                cause=f"'{first[0]}' has {first[1]}, and each has one row a sample",
                fix="write arrays of equal length",
            )
        self.rows: AnyArray = np.arange(start + 1, start + 1 + next(iter(counts.values())))
        # Only as wide as the longest number: numpy would take 84 bytes for each.
        self.ids: AnyArray = self.rows.astype(f"U{len(str(start + len(self.rows)))}")
        if "id" in found:
            self.ids = np.asarray(self.column("id"))

    def _count(self, name: str) -> int:
        values = self.batch.get(f"{name}_offsets")
        if values is not None:
            return len(values) - 1
        if getattr(self.batch[name], "ndim", 1) == 0:
            raise RecordError(
                f"{self.source.file}: array '{name}' is a single value",
                cause="each array has one row a sample",
                fix=f"repeat it: np.full(n, {self.batch[name]})",
            )
        return len(self.batch[name])

    def kept(self) -> Bools:
        """Which rows hold an answer, (b,)."""
        if "failed" not in self.found:
            return np.ones(len(self.rows), dtype=bool)
        return ~np.asarray(self.column("failed"))

    def only(self, keep: Bools, *, names_only: bool = False) -> _Batch:
        """The same batch with some rows left out, their numbers kept."""
        names = [n for n in self.batch if not names_only or n in self.found["prompt_id"].columns]
        part = object.__new__(_Batch)
        part.source, part.found, part.convention = self.source, self.found, self.convention
        part.rows, part.ids = self.rows[keep], self.ids[keep]
        part.batch = {n: _filtered(self.batch, n, keep) for n in names if not n.endswith("_offsets")}
        return part

    def column(self, key: str) -> AnyArray | Ragged:
        """One field of these rows."""
        way = self.found[key]
        if way.numbered:
            return np.stack([np.asarray(self._read(name, way)) for name in way.columns], axis=1)
        return self._read(way.columns[0], way)

    def _read(self, name: str, way: Found) -> AnyArray | Ragged:
        offsets = self.batch.get(f"{name}_offsets")
        try:
            if isinstance(self.batch[name], Ragged):  # rows of an npz file, some of them left out
                return cells.joined_rows(self.batch[name].values, self.batch[name].offsets, way.field)
            if offsets is not None:
                return cells.joined_rows(self.batch[name], offsets, way.field)
            return cells.column(self.batch[name], way.field, numbered=way.numbered)
        except cells.BadCell as bad:
            number = self.rows[bad.row] if bad.row < len(self.rows) else 1
            named = f" (id '{self.ids[bad.row]}')" if "id" in self.found and way.field.key != "id" else ""
            raise RecordError(
                f"{self.source.file}: column '{name}', row {number}{named} is {bad.shown}",
                cause=f"'{name}' must be {bad.rule}",
                fix=f"bench show record {self.convention.kind}",
            ) from bad


def _filtered(batch: Mapping[str, Any], name: str, keep: Bools) -> Any:
    values = batch[name]
    if f"{name}_offsets" in batch:
        return Ragged(values, np.asarray(batch[f"{name}_offsets"], dtype=np.int64)).take(np.flatnonzero(keep))
    if isinstance(values, np.ndarray):
        return values[keep]
    import pyarrow as pa

    return values.filter(pa.array(keep))
