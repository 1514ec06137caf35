"""results.json: the numbers of a run, the same bytes for the same numbers, without times or hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypedDict, TypeVar

from bench.errors import EvaluationError
from bench.results import Result
from bench.runners.atomic import write_bytes
from bench.runners.sealed import canonical, damaged, encode_rows, read_sealed

RESULTS_SCHEMA = 1


class Head(TypedDict):
    """What of a row tells whether it is wanted: many are read and few kept."""

    area: str
    model: str
    task: str
    metric: str
    decoder: str
    calibrator: str
    slice: str
    better: str
    value: float | None


def write_results(path: Path, results: Sequence[Result]) -> None:
    """Write the results, sorted by what names them.

    Raises `EvaluationError` for a number that is NaN or infinite (one that is unknown must be `None`), and `OSError`.
    """
    rows = [result.as_json() for result in results]
    for row in rows:
        try:
            json.dumps(row, allow_nan=False)
        except ValueError as error:
            raise EvaluationError(
                f"metric '{row['metric']}' of {row['model']} on {row['task']} is not a number",
                cause=f"value {row['value']}, interval {row['low']} .. {row['high']}",
                fix="a metric that is undefined must say so with None",
            ) from error
    # The whole row breaks ties, so that no order of work can show.
    keyed = sorted(zip(results, rows, strict=True), key=lambda pair: (pair[0].key, json.dumps(pair[1])))
    write_bytes(path, encode_rows("results", [row for _, row in keyed], RESULTS_SCHEMA))


def read_results(path: Path, *, fix: str, keep: Callable[[Head], bool] | None = None) -> list[Result]:
    """The results as they were stored, or those whose row in the file is to be kept.

    Raises `EvaluationError` where the file is damaged.
    """
    import msgspec

    text = canonical(path)
    if text is not None:
        with suppress(msgspec.DecodeError):  # what is the matter is told below
            found = _decoded(text, keep)
            if found is not None:
                return found
    document = read_sealed(path, version=RESULTS_SCHEMA, fix=fix)
    try:
        rows = [row for row in document["results"] if keep is None or keep(row)]
        return msgspec.convert(rows, list[Result])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise damaged(path, f"a result cannot be read: {error}", fix) from error


Row = TypeVar("Row")


@dataclass(frozen=True)
class _Document(Generic[Row]):
    schema_version: int
    results: list[Row]


def _decoded(text: bytes, keep: Callable[[Head], bool] | None) -> list[Result] | None:
    """Of a whole file, `None` where another bench wrote it.  A row that is not kept is read, but never made."""
    import msgspec

    if keep is None:
        document = msgspec.json.decode(text, type=_Document[Result])
        return document.results if document.schema_version == RESULTS_SCHEMA else None
    heads = msgspec.json.decode(text, type=_Document[Head])
    texts = msgspec.json.decode(text, type=_Document[msgspec.Raw]).results
    kept = [bytes(row) for head, row in zip(heads.results, texts, strict=True) if keep(head)]
    found = msgspec.json.decode(b"[" + b",".join(kept) + b"]", type=list[Result])
    return found if heads.schema_version == RESULTS_SCHEMA else None
