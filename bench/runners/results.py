"""results.json: the numbers of a run, the same bytes for the same numbers, without times or hosts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import EvaluationError
from bench.results import Result
from bench.runners.atomic import write_bytes
from bench.runners.sealed import damaged, encode_rows, read_sealed

RESULTS_SCHEMA = 1


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


def read_results(path: Path, *, fix: str, keep: Callable[[Mapping[str, Any]], bool] | None = None) -> list[Result]:
    """The results as they were stored, or those whose row in the file is to be kept.

    Raises `EvaluationError` where the file is damaged.
    """
    import msgspec

    document = read_sealed(path, version=RESULTS_SCHEMA, fix=fix)
    try:
        rows = [row for row in document["results"] if keep is None or keep(row)]
        return msgspec.convert(rows, list[Result])
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise damaged(path, f"a result cannot be read: {error}", fix) from error
