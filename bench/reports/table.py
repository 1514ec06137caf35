"""All results as a flat table, for spreadsheets: the same columns in results.csv and in the page's download."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from bench.reports.text import csv_cell, shorten
from bench.results import Result

COLUMNS: tuple[str, ...] = (
    "area", "task", "model", "decoder", "calibrator", "score", "slice", "metric", "value", "low", "high",
    "unit", "n", "n_failed", "groups", "better", "biased", "method", "caution",
)  # fmt: skip
LONGEST = 300


def rows(results: Sequence[Result]) -> list[list[Any]]:
    """One row a result, columns as `COLUMNS`; texts made visible and cut at 300 characters."""
    return [[_plain(getattr(r, column)) for column in COLUMNS] for r in results]


def csv_text(results: Sequence[Result]) -> str:
    """The table as CSV with a header; text that a spreadsheet would run as a formula is defused."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([csv_cell(value) for value in row] for row in rows(results))
    return out.getvalue()


def _plain(value: Any) -> Any:
    return shorten(value, LONGEST) if isinstance(value, str) else value
