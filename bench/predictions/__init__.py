"""Bring your own predictions: a parquet, csv, npz or JSONL file becomes the records that metrics take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.records import Record
    from bench.records.long import Long


def read_predictions(path: Path, kind: str) -> dict[str, Record | Long]:
    """The records in a file of predictions, by name: the file's own, and for several OOD scores `file:score`.

    Of a parquet file too large for memory (above 256 MB as columns) they are `Long`: read again, in blocks.

    kind: classification, regression, choices, tokens, density, ood or generations; `bench show record KIND` tells the
    columns.  Numbers are kept exactly as they were written.  Raises `UsageError` naming file, column, row and rule.
    """
    from bench.predictions.conventions import convention
    from bench.predictions.fields import locate
    from bench.predictions.lengths import long_records
    from bench.predictions.sources import open_source
    from bench.predictions.table import collect

    known = convention(kind)
    source = open_source(path)
    found = locate(known, source.names, source.constants().keys(), source.file)
    long = long_records(source, found, known, path)
    return long or dict(known.build(collect(source, found, known, path.stem)))
