"""A decision as a value: what its page and its Markdown are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.reports.html import coded_table, rendered
from bench.reports.page import Tile
from bench.reports.text import shorten
from bench.reports.view import Bar, Grid

# How corrections over many tests are written.
CORRECTIONS: Mapping[str, str] = {
    "holm": "Holm", "max-t": "max-T", "bonferroni": "Bonferroni", "hochberg": "Hochberg",
    "bh": "Benjamini–Hochberg", "by": "Benjamini–Yekutieli", "none": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A section below the table: further tables, words, commands."""

    id: str
    title: str
    lead: str = ""
    grids: tuple[tuple[str, Grid], ...] = ()
    texts: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Sheet:
    """A title with a verdict, facts, tiles, one table that can be filtered, and what comes below it."""

    title: str
    status: str
    tone: str
    chips: tuple[tuple[str, str], ...]
    tiles: tuple[Tile, ...]
    heading: str
    lead: str
    filters: tuple[tuple[str, str], ...]
    grid: Grid
    sections: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()


def html(sheet: Sheet, columns: Sequence[str], rows: Sequence[Sequence[Any]], file: str) -> str:
    """The sheet as one HTML text; the rows are what its CSV button gives, under the name `file`."""
    plain = [[shorten(cell, 300) if isinstance(cell, str) else cell for cell in row] for row in rows]
    return rendered("sheet.html.j2", coded_table(columns, plain, file=file), sheet=sheet)


def bar(
    gain: float, ends: tuple[float | None, float | None], unit: float, label: str, *, margin: float | None, tone: str
) -> Bar | None:
    """An interval of a gain between -3 and 3 units, with 0 in the middle, and green from -margin on.

    Where the interval reaches farther, so does the scale: a large loss shows its width, and the green zone how small
    the margin is beside it.  `None` without an interval.
    """
    low, high = ends
    if low is None or high is None or unit <= 0:
        return None
    reach = max(3 * unit, 1.1 * abs(low), 1.1 * abs(high))

    def place(x: float) -> float:
        return min(max((x / reach + 1) / 2, 0.0), 1.0)

    zone = None if margin is None else (place(-margin), 1.0)
    return Bar(place(gain), place(low), place(high), label, zone=zone, zero=0.5, tone=tone)
