"""What a report shows, before it is HTML or Markdown: sections of tables and figures, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Head:
    """A column's heading.  `note` explains it, `badge` warns; numeric columns align right and sort by number."""

    title: str
    numeric: bool = False
    note: str = ""
    badge: str = ""


@dataclass(frozen=True)
class Bar:
    """An interval to draw: value and ends, each between 0 and 1 on a shared scale; `bound` is drawn dashed.

    zone: from where to where all is well.  zero: where a line is drawn.  tone: good, bad or warn.
    """

    value: float
    low: float
    high: float
    label: str
    bound: bool = False
    zone: tuple[float, float] | None = None
    zero: float | None = None
    tone: str = ""


@dataclass(frozen=True)
class Item:
    """One table cell: its text, paler text before it, smaller beneath, signs, what to sort by, words on hover.

    tone: draws the text as a pill, good, bad, warn or plain; the words say the same.
    """

    text: str
    before: str = ""
    small: str = ""
    badges: tuple[str, ...] = ()
    sort: float | str | None = None
    title: str = ""
    bar: Bar | None = None
    pre: bool = False
    strong: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Row:
    """A table row; `area` is what the filter chips go by."""

    items: tuple[Item, ...]
    area: str = ""


@dataclass(frozen=True)
class Grid:
    """A table with a caption in plain words."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    caption: str = ""


@dataclass(frozen=True)
class Key:
    """One entry of a legend: a name, its colour variable, its dash pattern ('' for solid), its shape and place."""

    label: str
    colour: str
    dash: str = ""
    shape: str = "line"
    index: int = 0


class Drawing(str):
    """An SVG that knows the Vega-Lite spec that it was drawn from."""

    spec: Mapping[str, Any]

    @staticmethod
    def of(svg: str, spec: Mapping[str, Any]) -> Drawing:
        """The SVG with its spec."""
        drawing = Drawing(svg)
        drawing.spec = spec
        return drawing


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure: a static SVG with a heading of its own."""

    svg: str
    title: str = ""
    subtitle: str = ""


@dataclass(frozen=True)
class Figure:
    """Drawings with a title, what they say in plain words, a legend, and the numbers behind them."""

    title: str
    subtitle: str
    caption: str
    panels: tuple[Panel, ...]
    grid: Grid
    legend: tuple[Key, ...] = ()
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """One area: an introduction, the table of its numbers, further tables, its figures, what comes after, and notes."""

    id: str
    area: str
    title: str
    lead: str
    grid: Grid
    figures: tuple[Figure, ...] = ()
    grids: tuple[tuple[str, Grid], ...] = ()
    after: tuple[tuple[str, Grid], ...] = ()
    notes: tuple[str, ...] = field(default=())
