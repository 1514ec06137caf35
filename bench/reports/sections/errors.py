"""Whether forecasts stray as far as they say: each error against its forecast's spread."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.forecasts.forms import mean_of, std_of
from bench.metrics.spread import spread_curve
from bench.records import Record, Regression
from bench.reports import charts, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Key, Panel, Row

MOST_PANELS = 4
# Points drawn of a model, taken evenly along the spreads, so that the page stays small.
DOTS = 200
# Share of spreads and errors that the axes leave out at their far ends.
TAIL = 0.01


def figure(_: Material, task: str, records: list[tuple[Cell, Record]], prefix: str) -> Figure | None:
    """A panel a model: samples, and the root mean squared error in ten bins of spread; `None` without forecasts."""
    found = [(c, s) for c, r in records if isinstance(r, Regression) and (s := _spreads(r)) is not None]
    if not found:
        return None
    specs, panels, rows = [], [], []
    size = charts.SMALL if len(found) > 1 else charts.WIDE
    for cell, (spread, error, said, came, mass) in found[:MOST_PANELS]:
        limits = [(0.0, 1.05 * float(np.quantile(v, 1 - TAIL)) or 1.0) for v in (np.append(spread, said), error)]
        order = np.argsort(spread, kind="stable")
        taken = order[np.unique(np.linspace(0, len(order) - 1, min(DOTS, len(order))).astype(np.int64))]
        titles = ("forecast standard deviation", "absolute error")
        specs.append(charts.scatter((spread[taken], error[taken]), (said, came), titles, (limits[0], limits[1]), size))
        panels.append((name(cell.model), f"rank correlation {written(_spearman(spread, error), 3)}"))
        rows += [
            Row(
                (
                    Item(name(cell.model)), Item(count(int(m)), sort=float(m)), Item(written(a, 4), sort=float(a)),
                    Item(written(b, 4), sort=float(b)), Item(written(b / a, 3) if a else "—"),
                )
            )
            for a, b, m in zip(said, came, mass, strict=True)
        ]  # fmt: skip
    heads = (
        Head("Model"), Head("n", numeric=True), Head("Said", numeric=True, note="root mean forecast variance"),
        Head("Came", numeric=True, note="root mean squared error"), Head("Came ÷ said", numeric=True),
    )  # fmt: skip
    return Figure(
        title=f"Error against uncertainty — {words.task(task)}",
        subtitle="each sample, and ten bins by forecast spread",
        caption="The bins should lie on the dashed line: forecasts then miss by as much as they say. Above it they are "
        "too sure. A flat row of bins says that the spread knows nothing of the error.",
        panels=tuple(Panel(svg, *panel) for svg, panel in zip(drawing.svg(specs, prefix), panels, strict=True)),
        legend=(
            Key("sample", "var(--c1)", shape="point"), Key("bin: root mean square", "var(--c2)"),
            Key("as promised", "var(--muted)", "4 3"),
        ),
        grid=Grid(heads, tuple(rows)),
        wide=len(panels) > 2,
    )  # fmt: skip


def _spreads(record: Regression) -> tuple[Float64s, Float64s, Float64s, Float64s, Float64s] | None:
    """Spread and absolute error of each sample, (n,); said, came and mass of the bins that hold any, (k,)."""
    try:
        spread, error = std_of(record), np.abs(record.y - mean_of(record))
        curve = spread_curve(record)
    except NotApplicable:
        return None
    filled = curve.mass[0] > 0
    return spread, error, curve.said[0][filled], curve.came[0][filled], curve.mass[0][filled]


def _spearman(a: Float64s, b: Float64s) -> float:
    """Rank correlation, ties at their mean rank; 0 where one of them does not vary."""

    def ranks(values: Float64s) -> Float64s:
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        last = np.cumsum(counts)
        return np.asarray((last - (counts - 1) / 2)[place], dtype=np.float64)

    x, y = (r - r.mean() for r in (ranks(a), ranks(b)))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale > 0 else 0.0
