"""How probable single samples are: the spread behind each mean, every model on one axis, kinds named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.records import Density, Record, Tokens
from bench.reports import charts, curves, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row

MOST_LINES = 6
GRID = 160


def figures(material: Material, cells: Sequence[Cell], most: int) -> tuple[list[Figure], list[str]]:
    """One figure a task: densities of the samples' surprise under each model, and under the true source if known."""
    drawn: list[Figure] = []
    left_out: list[str] = []
    for task, members in material.tasks_of(cells).items():
        for unit, records in _by_unit(material, members).items():
            if len(drawn) == most:
                left_out.append(words.task(task))
                continue
            figure = _figure(task, unit, records, f"lik{len(drawn)}")
            if figure is not None:
                drawn.append(figure)
    return drawn, left_out


def _by_unit(material: Material, cells: Sequence[Cell]) -> dict[str, list[tuple[Cell, Record]]]:
    """Masses, densities and texts don't share an axis, even within a task."""
    found: dict[str, list[tuple[Cell, Record]]] = {}
    for cell in cells:
        record = material.tested(cell)
        if isinstance(record, Tokens):
            found.setdefault("bits per byte", []).append((cell, record))
        elif isinstance(record, Density):
            found.setdefault("bits per dimension" if record.levels else "nats", []).append((cell, record))
    return found


def _figure(task: str, unit: str, records: Sequence[tuple[Cell, Record]], prefix: str) -> Figure | None:
    columns: list[tuple[str, Float64s]] = []
    for cell, record in _varied(records)[:MOST_LINES]:
        columns.append((_who(cell, record), _surprise(record, unit)))
    truth = _true_surprise(records[0][1], unit)
    if truth is not None and len(columns) < MOST_LINES:
        columns.append(("true source", truth))
    columns = [(label, c[np.isfinite(c)]) for label, c in columns]
    columns = [(label, c) for label, c in columns if len(c) > 1]
    if not columns:
        return None
    low, high = curves.span([c for _, c in columns])
    grid = np.linspace(low, high, GRID)
    series = [charts.Line(label, grid, curves.density(c, grid), area=i == 0) for i, (label, c) in enumerate(columns)]
    spec = charts.lines(series, (f"surprise of a sample ({unit})", "density"), domain=((low, high), None))
    more = len(records) - MOST_LINES
    return Figure(
        title=f"Surprise, sample by sample — {words.task(task)}",
        subtitle=f"−log p of {count(len(records[0][1]))} samples"
        + (f"; {MOST_LINES} of {len(records)} models, variants of one last" if more > 0 else ""),
        caption="Further left is more probable. The mean of a curve is the model's number in the table; a long right "
        "tail is samples that the model holds to be nearly impossible.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=charts.legend([label for label, _ in columns]),
        grid=Grid(_HEADS, tuple(_row(label, c) for label, c in columns)),
    )


def _varied(records: Sequence[tuple[Cell, Record]]) -> list[tuple[Cell, Record]]:
    """The first of each model's variants before the others."""
    first = {
        id(record)
        for _, record in {cell.model.partition(",")[0]: (cell, record) for cell, record in records[::-1]}.values()
    }
    return sorted(records, key=lambda pair: id(pair[1]) not in first)


def _who(cell: Cell, record: Record) -> str:
    kind = f" ({words.kind(record.likelihood)[0]})" if isinstance(record, Density) else ""
    return f"{name(cell.model)}{kind}"


def _surprise(record: Record, unit: str) -> Float64s:
    if isinstance(record, Tokens):
        return -record.log_prob / math.log(2) / record.bytes
    assert isinstance(record, Density)  # noqa: S101 - for the type checker: `_by_unit` chose them
    return -record.log_prob if unit == "nats" else -record.log_prob / math.log(2) / record.dim


def _true_surprise(record: Record, unit: str) -> Float64s | None:
    truth = record.truth if isinstance(record, Tokens | Density) else None
    if truth is None:
        return None
    if isinstance(record, Tokens):
        return -truth / math.log(2) / record.bytes
    return -truth if unit == "nats" or not isinstance(record, Density) else -truth / math.log(2) / record.dim


_HEADS = (
    Head("Model"), Head("n", numeric=True), Head("Mean", numeric=True), Head("Median", numeric=True),
    Head("5 %", numeric=True), Head("95 %", numeric=True), Head("Largest", numeric=True),
)  # fmt: skip


def _row(label: str, c: Float64s) -> Row:
    low, middle, high = np.quantile(c, [0.05, 0.5, 0.95])
    numbers = (float(c.mean()), float(middle), float(low), float(high), float(c.max()))
    return Row((Item(label), Item(count(len(c)), sort=float(len(c))), *(Item(written(x, 3), sort=x) for x in numbers)))
