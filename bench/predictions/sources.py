"""Files of predictions, read in batches: parquet, csv and JSON lines through Arrow, npz through numpy."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.errors import UsageError

# Rows read at a time: a thousand classes are 64 MB of float64.
ROWS = 8192
# A csv row must fit into a block; a generated text of a megabyte does.
BLOCK = 1 << 24


class Source(Protocol):
    """An open file: its columns, facts about the whole of it, and its rows in batches."""

    file: str
    names: list[str]

    def constants(self) -> Mapping[str, Any]:
        """Values that hold for all rows."""
        ...

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Mapping[str, Any]]:
        """Those columns, so many rows at a time, or all of them."""
        ...

    def values(self) -> Mapping[str, int] | None:
        """How many values each column holds in all, lists and all; `None` where that is not known beforehand."""
        ...


def open_source(path: Path) -> Source:
    """The reader for the file's suffix; `UsageError` for a missing file or another suffix."""
    from bench.predictions.jsonl import Jsonl

    kinds: dict[str, type] = {".parquet": Parquet, ".csv": Csv, ".npz": Npz, ".jsonl": Jsonl}
    if path.suffix.lower() not in kinds:
        raise UsageError(
            f"'{path}' is no file of predictions",
            cause=f"its name ends in '{path.suffix}'" if path.suffix else "its name has no ending",
            fix="give a .parquet, .npz, .csv or .jsonl file",
        )
    if not path.is_file():
        near = _neighbours(path)
        raise UsageError(
            f"'{path}' not found",
            cause="it is a folder" if path.is_dir() else "there is no such file",
            fix=f"did you mean '{near}'?" if near else "check the path",
        )
    try:
        source: Source = kinds[path.suffix.lower()](path)
    except UsageError:
        raise
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise _unreadable(str(path), error) from error
    return source


def _neighbours(path: Path) -> str | None:
    import difflib

    try:
        names = [p.name for p in path.parent.iterdir() if p.is_file()]
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return str(path.parent / near[0]) if near else None


def _unreadable(file: str, error: Exception) -> UsageError:
    return UsageError(f"'{file}' cannot be read", cause=str(error), fix="write the file again; it may be cut off")


class Parquet:
    """A parquet file; `dim`, `levels` and such may stand in its key-value metadata."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self.file = str(path)
        self._parquet = pq.ParquetFile(path, pre_buffer=False)  # a row group may be as long as the file
        self.names: list[str] = list(self._parquet.schema_arrow.names)
        _refuse_doubles(self.names, self.file)

    def constants(self) -> Mapping[str, Any]:
        """The key-value metadata."""
        stored = self._parquet.schema_arrow.metadata or {}
        return {key.decode(): value.decode() for key, value in stored.items() if key != b"ARROW:schema"}

    def values(self) -> Mapping[str, int]:
        """By the file's footer."""
        counts = dict.fromkeys(self.names, 0)
        about = self._parquet.metadata
        for group in range(about.num_row_groups):
            for place in range(about.num_columns):
                column = about.row_group(group).column(place)
                name = column.path_in_schema.partition(".")[0]
                counts[name] = counts.get(name, 0) + column.num_values
        return counts

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Mapping[str, Any]]:
        """Those columns as Arrow arrays."""
        try:
            for batch in self._parquet.iter_batches(batch_size=rows, columns=list(columns)):
                yield {name: batch.column(name) for name in columns}
        except (OSError, ValueError) as error:
            raise _unreadable(self.file, error) from error


class Csv:
    """A csv file: UTF-8, commas, a header.  Cells stay text here, so that an error can name its row."""

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self._path = path
        self._broken: Any = None
        with path.open("rb") as stream:
            head = stream.read(4)
        if not head.strip(b"\xef\xbb\xbf\r\n "):
            raise UsageError(f"'{path}' is empty", cause="it has not even a header", fix="write the file again")
        self.names: list[str] = list(self._open([]).schema.names)
        _refuse_doubles(self.names, self.file)

    def _open(self, columns: Sequence[str]) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        def remember(row: Any) -> str:
            self._broken = row
            return "error"

        try:
            with _undecodable_rows_unsaid():
                return csv.open_csv(
                    self._path,
                    read_options=csv.ReadOptions(block_size=BLOCK, use_threads=False),
                    parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=remember),
                    convert_options=csv.ConvertOptions(
                        include_columns=list(columns) or None,
                        column_types=dict.fromkeys(columns, pa.string()),
                        strings_can_be_null=False,
                    ),
                )
        except (OSError, ValueError) as error:
            raise self._error(error) from error

    def constants(self) -> Mapping[str, Any]:
        """None: a csv file has only rows."""
        return {}

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Mapping[str, Any]]:
        """Those columns as Arrow arrays of text."""
        reader = self._open(columns)
        try:
            while (batch := _next_batch(reader)) is not None:
                for start in range(0, batch.num_rows, rows):
                    part = batch.slice(start, rows)
                    yield {name: part.column(name) for name in columns}
        except (OSError, ValueError) as error:
            raise self._error(error) from error

    def values(self) -> None:
        """Unknown."""

    def _error(self, error: Exception) -> UsageError:
        if self._broken is None:
            return _unreadable(self.file, error)
        row = self._broken
        # Arrow counts the header as the first row.
        number = f" {row.number - 1}" if row.number is not None else ""
        return UsageError(
            f"{self.file}: row{number} has {row.actual_columns} cells",
            cause=f"the header has {row.expected_columns}; the row begins {row.text[:60]!r}",
            fix="put cells that hold commas or line breaks into double quotes",
        )


def _next_batch(reader: Any) -> Any:
    with _undecodable_rows_unsaid():
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None


@contextmanager
def _undecodable_rows_unsaid() -> Iterator[None]:
    """Arrow decodes a broken row for our handler, and prints a traceback where it is no UTF-8; its error is enough."""
    before = sys.unraisablehook

    def hook(problem: Any) -> None:
        if not isinstance(problem.exc_value, UnicodeDecodeError):
            before(problem)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


class Npz:
    """A numpy archive; arrays of objects are refused, since reading them would run the file's code.

    Single values, and the `levels` of `quantiles`, hold for all rows; every other array has one row a sample.
    """

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        if not zipfile.is_zipfile(path):
            raise UsageError(
                f"'{path}' is no npz archive", cause="it is not in that format", fix="write it by np.savez"
            )
        self._archive = np.load(path, allow_pickle=False)
        shapes = _shapes(path)
        once = {name for name, shape in shapes.items() if shape == ()}
        if "quantiles" in shapes and len(shapes.get("levels", ())) == 1:
            once.add("levels")
        self._once = once
        offsets = {f"{name}_offsets" for name in shapes}
        self.names: list[str] = [name for name in shapes if name not in once and name not in offsets]

    def constants(self) -> Mapping[str, Any]:
        """Single values, and levels."""
        return {name: self._array(name).tolist() for name in self._once}

    def batches(self, columns: Sequence[str], rows: int) -> Iterator[Mapping[str, Any]]:
        """Those arrays at once, with their offsets: an archive cannot be read in parts."""
        del rows
        arrays: dict[str, Any] = {}
        for name in columns:
            offsets = f"{name}_offsets"
            arrays[name] = self._array(name)
            if offsets in self._archive.files:
                arrays[offsets] = self._array(offsets)
        yield arrays

    def values(self) -> None:
        """Unknown, and of no use: an archive is read at once."""

    def _array(self, name: str) -> Any:
        try:
            return self._archive[name]
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise _unreadable(self.file, error) from error
            raise UsageError(
                f"{self.file}: array '{name}' holds Python objects",
                cause="reading objects would run code from the file; rows of different length make numpy write them",
                fix=f"write the values end to end as '{name}', and where rows begin as '{name}_offsets' (n + 1)",
            ) from error
        except (OSError, zipfile.BadZipFile, EOFError) as error:
            raise _unreadable(self.file, error) from error


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shape of each array, from its header alone."""
    shapes: dict[str, tuple[int, ...]] = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.namelist():
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shapes[member.removesuffix(".npy")] = read(stream)[0]
    return shapes


def _refuse_doubles(names: Sequence[str], file: str) -> None:
    for name in names:
        if list(names).count(name) > 1:
            raise UsageError(f"{file}: two columns are called '{name}'", cause="names must be unique", fix="rename one")
