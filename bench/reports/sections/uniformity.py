"""Whether what should be uniform is: SBC ranks and TARP of posteriors, rescaled gaps of event sequences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.metrics.posterior import levels
from bench.records import Events, Posterior, Record
from bench.reports import charts, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row

MOST_LINES = 6
GRID = 128
WORST = "rank of the worst parameter (SBC)"


def figures(material: Material, cells: Sequence[Cell], most: int) -> tuple[list[Figure], list[str]]:
    """One figure a task whose models gave something that should be uniform."""
    drawn: list[Figure] = []
    left_out: list[str] = []
    for task, members in material.tasks_of(cells).items():
        found = [(name(cell.model), record) for cell in members if (record := material.tested(cell)) is not None]
        tested = [(label, values) for label, record in found if (values := uniform(record))]
        of = next((r.ranks.shape[1] for _, r in found if isinstance(r, Posterior)), 1)
        if not tested:
            continue
        if len(drawn) == most:
            left_out.append(words.task(task))
            continue
        drawn.append(_figure(task, tested[:MOST_LINES], len(tested), of, f"uni{len(drawn)}"))
    return drawn, left_out


def uniform(record: Record) -> dict[str, Float64s]:
    """What should be uniform on [0, 1] if the model is right, by its name; empty where there is nothing of the kind."""
    if isinstance(record, Posterior):
        columns = levels(record).T
        worst = max(columns, key=_distance)
        return {WORST: worst, "share nearer to a random point (TARP)": record.nearer}
    if isinstance(record, Events) and record.residuals is not None and len(record.residuals.values):
        return {"rescaled gap": -np.expm1(-record.residuals.values)}
    return {}


def _distance(values: Float64s) -> float:
    ordered = np.sort(values)
    place = np.arange(len(values) + 1) / len(values)
    return float(np.maximum(np.abs(place[1:] - ordered), np.abs(place[:-1] - ordered)).max())


def band(n: int, of: int = 1) -> float:
    """The distance that the worst of so many uniform samples of n exceeds once in twenty at most (Kolmogorov 1933)."""
    return float(np.sqrt(-0.5 * np.log(0.05 / of / 2) / n))


def _figure(
    task: str, tested: Sequence[tuple[str, dict[str, Float64s]]], models: int, parameters: int, prefix: str
) -> Figure:
    grid = np.linspace(0, 1, GRID + 1)
    what = list(tested[0][1])
    specs = []
    size = charts.WIDE if len(what) == 1 else charts.SMALL
    for title in what:
        series = [
            charts.Line(label, grid, np.searchsorted(np.sort(v[title]), grid, side="right") / len(v[title]) - grid)
            for label, v in tested
        ]
        shade = band(min(len(v[title]) for _, v in tested), parameters if title == WORST else 1)
        titles = (title, "share below, less level")
        specs.append(charts.lines(series, titles, domain=((0, 1), None), band=shade, size=size))
    more = models - len(tested)
    return Figure(
        title=f"Is it uniform? — {words.task(task)}",
        subtitle="Distance from the uniform law" + (f"; the first {MOST_LINES} of {models} models" if more else ""),
        caption="A right model's curve stays in the shade 19 times in 20. A hill and then a valley: spread too narrow "
        "or too wide; a single hill or valley: a shift. Ranks see one parameter at a time, TARP all: each misses what "
        "the other sees.",
        panels=tuple(Panel(svg) for svg in drawing.svg(specs, prefix)),
        legend=charts.legend([label for label, _ in tested]),
        grid=Grid(_HEADS, tuple(_row(label, title, v[title], parameters) for label, v in tested for title in what)),
    )


_HEADS = (
    Head("Model"), Head("What should be uniform"), Head("n", numeric=True), Head("Greatest distance", numeric=True),
    Head("5 % of right models exceed", numeric=True),
)  # fmt: skip


def _row(label: str, title: str, values: Float64s, parameters: int) -> Row:
    numbers = (_distance(values), band(len(values), parameters if title == WORST else 1))
    size = Item(count(len(values)), sort=float(len(values)))
    return Row((Item(label), Item(title), size, *(Item(written(x, 4), sort=x) for x in numbers)))
