"""Rows and numbers of a data set: from the hub, or from a file or a folder of files that a user names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import EvaluationError, UsageError

Row = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Hub:
    """Where a data set lies on the Hugging Face hub."""

    name: str
    split: str
    config: str | None = None
    revision: str | None = None


Reader = Callable[[Path], Any]
PACKED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def rows(hub: Hub, path: str = "") -> list[dict[str, Any]]:
    """All rows, from `path` where it is given (.jsonl, .json, .csv, .parquet, or a folder of such), else from the hub.

    Raises `UsageError` for a path that can't be read, `EvaluationError` where the hub can't be reached.
    """
    return rows_of(files(path)) if path else [dict(row) for row in hub_table(hub)]


def rows_of(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All rows of files of the kinds in `READERS`, one after the other."""
    found: list[dict[str, Any]] = []
    for path in paths:
        part = read(path)
        if not isinstance(part, list) or not all(isinstance(row, dict) for row in part):
            raise UsageError(
                f"'{path}' holds no rows", cause="rows are objects with named values", fix="give a list of them"
            )
        found += part
    return found


def hub_table(hub: Hub) -> Any:
    """The data set on the hub, as `datasets` gives it; `EvaluationError` where it can't be had."""
    import datasets

    try:
        return datasets.load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except Exception as error:
        raise EvaluationError(
            f"data set '{hub.name}' can't be had from the hub",
            cause=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}",
            fix="connect to the network, or give a local copy: -t TASK,path=FILE",
        ) from error


def kind(path: Path) -> str:
    """The ending of a file's name that says what it holds: `.jsonl` of `a.jsonl.zst`."""
    return (path.with_suffix("") if path.suffix in PACKED else path).suffix


def files(path: str, readers: Mapping[str, Reader] | None = None) -> list[Path]:
    """The file of that path, or the files of that folder, of the kinds that there are readers for.

    readers: by the name's ending; `READERS` where not given.
    """
    known = READERS if readers is None else readers
    place = Path(path).expanduser()
    found = sorted(p for p in place.iterdir() if p.is_file() and kind(p) in known) if place.is_dir() else [place]
    if not found or not all(p.is_file() and kind(p) in known for p in found):
        raise UsageError(
            f"'{place}' holds no data set",
            cause="it is no file of one of the known kinds, nor a folder of such",
            fix=f"give a file that ends in {', '.join(k or 'nothing' for k in known)}",
        )
    return found


def parts(
    path: str, patterns: Mapping[str, Sequence[str]], readers: Mapping[str, Reader] | None = None
) -> dict[str, list[Path]]:
    """The files of each split of a folder, by patterns of their names; one file alone is the test split.

    Raises `UsageError` where no file is of the test split.
    """
    found = files(path, readers)
    if not Path(path).expanduser().is_dir():
        return {"test": found}
    named = {
        split: [p for p in found if any(fnmatch(p.name, pattern) for pattern in wanted)]
        for split, wanted in patterns.items()
    }
    if not named.get("test"):
        raise UsageError(
            f"'{path}' holds no test split",
            cause="no file there is called " + " or ".join(patterns["test"]),
            fix="give the folder as it is published, or the file of the test split",
        )
    return {split: paths for split, paths in named.items() if paths}


def read(path: Path, readers: Mapping[str, Reader] | None = None) -> Any:
    """What the reader of that kind of file gives; `UsageError` for a file that is not of its kind."""
    try:
        return (READERS if readers is None else readers)[kind(path)](path)
    except (OSError, ValueError, KeyError, EOFError) as error:  # what readers raise for broken files
        raise UsageError(
            f"'{path}' can't be read as {kind(path)[1:] or 'what it should be'}",
            cause=f"{type(error).__name__}: {error}",
            fix="mend the file",
        ) from error


def content(path: Path) -> bytes:
    """A file's bytes, unpacked where its name ends in .gz, .zst or .bz2."""
    import pyarrow as pa

    packed = PACKED.get(path.suffix)
    with pa.OSFile(str(path)) as file:
        whole: bytes = (pa.CompressedInputStream(file, packed) if packed else file).read()
    return whole


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in content(path).decode().split("\n") if line.strip()]


def _json(path: Path) -> Any:
    return json.loads(content(path))


def _csv(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content(path).decode(), newline="")))


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


READERS: dict[str, Reader] = {".jsonl": _lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}


def converted(rows: Iterable[Row], convert: Callable[[Row, int], T], name: str) -> list[T]:
    """Each row (with its number) made into an item; a row that lacks what it needs is an error that names it."""
    out: list[T] = []
    for number, row in enumerate(rows):
        try:
            out.append(convert(row, number))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise UsageError(
                f"row {number} is not one of {name}",
                cause=f"{type(error).__name__}: {error}; it has {', '.join(map(str, row))}",
                fix="give a file in the data set's own format",
            ) from error
    if not out:
        raise UsageError(f"{name}: there is no row", cause="the file or the split is empty", fix="give another one")
    return out
