"""Rows of a data set: from the hub, or from a file or a folder of files that a user names."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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


def rows(hub: Hub, path: str = "") -> list[dict[str, Any]]:
    """All rows, from `path` where it is given (.jsonl, .json, .csv, .parquet, or a folder of such), else from the hub.

    Raises `UsageError` for a path that can't be read, `EvaluationError` where the hub can't be reached.
    """
    if path:
        return [row for file in _files(Path(path).expanduser()) for row in _read(file)]
    import datasets

    try:
        table = datasets.load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except Exception as error:
        raise EvaluationError(
            f"data set '{hub.name}' can't be had from the hub",
            cause=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no reason given'}",
            fix="connect to the network, or give a local copy: -t TASK,path=FILE",
        ) from error
    return [dict(row) for row in table]


def _files(path: Path) -> list[Path]:
    found = sorted(p for p in path.iterdir() if p.suffix in READERS) if path.is_dir() else [path]
    if not found or not all(p.is_file() and p.suffix in READERS for p in found):
        raise UsageError(
            f"'{path}' holds no data set",
            cause="it is no file of one of the known kinds, nor a folder of such",
            fix=f"give a file that ends in {', '.join(READERS)}",
        )
    return found


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        found = READERS[path.suffix](path)
    except (OSError, ValueError) as error:  # what the three readers raise for broken files
        raise UsageError(
            f"'{path}' can't be read as {path.suffix[1:]}",
            cause=f"{type(error).__name__}: {error}",
            fix="mend the file",
        ) from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise UsageError(
            f"'{path}' holds no rows", cause="rows are objects with named values", fix="give a list of them"
        )
    return found


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


READERS: dict[str, Callable[[Path], Any]] = {".jsonl": _lines, ".json": _json, ".csv": _csv, ".parquet": _parquet}


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
