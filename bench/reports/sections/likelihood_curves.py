"""Estimates on their way to the truth: a model's number against how much was spent on it, draws, steps or tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np

from bench.errors import UsageError
from bench.records import Density
from bench.reports import charts, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row
from bench.specs import Spec, parse

# What is spent, in its own words; tolerances run from loose to tight.
SPENT = {
    "k": "draws a sample (K)",
    "steps": "steps",
    "tolerance": "tolerance of the solver",
    "draws": "draws of noise",
    "nodes": "nodes of quadrature",
}
MOST_LINES = 6
PARETO = 0.7
_BOUNDED = "A lower bound of log p comes down to the truth from above, an upper bound rises to it from below."
_ESTIMATED = "An estimate may lie to either side of the truth; the more is spent, the nearer it comes."
_SOLVED = "The tighter the tolerance, the more evaluations a sample takes, and the less the solver loses."


@dataclass(frozen=True)
class _Point:
    """One cell of a curve: what it was given, its mean -log p, and how that is known."""

    spent: float
    cell: Cell
    record: Density
    nats: float
    doubted: float


def figures(material: Material, cells: Sequence[Cell]) -> list[Figure]:
    """One figure for each task and parameter along which some model was asked at three values or more."""
    drawn: list[Figure] = []
    for task, every in material.tasks_of(cells).items():
        held = {c.name: r for c in every if isinstance(r := material.tested(c), Density)}
        members = [c for c in every if c.name in held]
        for key, title in SPENT.items():
            found = _curves(members, held, key)
            if found:
                drawn.append(_figure(task, key, title, found, _level(members, held), f"way{len(drawn)}"))
    return drawn


def _curves(cells: Sequence[Cell], held: dict[str, Density], key: str) -> dict[str, list[_Point]]:
    """Cells that differ in that parameter alone, by what they share."""
    found: dict[str, list[_Point]] = {}
    for cell in cells:
        spec = _spec(cell)
        value = spec.params.get(key) if spec is not None else None
        if spec is None or isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            continue
        rest = Spec(spec.name, spec.target, {k: v for k, v in spec.params.items() if k != key})
        record = held[cell.name]
        doubted = float((record.pareto_k > PARETO).mean()) if record.pareto_k is not None else 0.0
        point = _Point(float(value), cell, record, -float(record.log_prob.mean()), doubted)
        found.setdefault(name(str(rest)), []).append(point)
    kept = {label: sorted(points, key=lambda p: p.spent) for label, points in found.items() if len(points) >= 3}
    return {f"{label} ({_kinds(points)})": points for label, points in list(kept.items())[:MOST_LINES]}


def _kinds(points: Sequence[_Point]) -> str:
    return ", ".join(dict.fromkeys(words.kind(p.record.likelihood)[0] for p in points))


def _spec(cell: Cell) -> Spec | None:
    try:
        return parse(cell.model)
    except UsageError:
        return None


def _level(cells: Sequence[Cell], held: dict[str, Density]) -> tuple[str, float] | None:
    """The truth that curves go to: the source's where it is known, else the exact answer of the model they bound."""
    records = [held[c.name] for c in cells]
    exact = [c for c in cells if held[c.name].likelihood == "exact" and not held[c.name].estimator]
    names = {s.name for c in cells if (s := _spec(c)) is not None and set(s.params) & set(SPENT)}
    own = [c for c in exact if (s := _spec(c)) is not None and s.name in names]
    if own:
        return f"{name(own[0].model)} (exact)", -float(held[own[0].name].log_prob.mean())
    truth = records[0].truth
    return None if truth is None else ("true source", -float(truth.mean()))


def _figure(
    task: str, key: str, title: str, found: dict[str, list[_Point]], level: tuple[str, float] | None, prefix: str
) -> Figure:
    points = [p for curve in found.values() for p in curve]
    ends = [log10(p.spent) for p in points]
    low, high = min(ends), max(ends)
    # Tolerances are read from loose to tight: more is spent further right.
    sign = -1.0 if key == "tolerance" else 1.0
    series = [
        charts.Line(label, np.array([sign * log10(p.spent) for p in curve]), np.array([p.nats for p in curve]))
        for label, curve in found.items()
    ]
    shown = f"−log10 {title}" if key == "tolerance" else f"log10 {title}"
    size = charts.WIDE if level is None else charts.SMALL
    values = [p.nats for p in points] + ([level[1]] if level is not None else [])
    margin = 0.06 * (max(values) - min(values)) or 0.1
    reach = (min(values) - margin, max(values) + margin)
    specs = []
    if level is not None:
        specs.append(charts.lines(_distances(series, level[1]), (shown, "log10 |off the truth|, nats"), size=size))
        series.append(charts.Line(level[0], np.array([sign * low, sign * high]), np.full(2, level[1])))
    specs.insert(0, charts.lines(series, (shown, "−log p (nats)"), domain=(None, reach), size=size))
    doubt = max((p.doubted for p in points), default=0.0)
    warning = (
        f" In {doubt:.0%} of the samples of some point Pareto k is above {PARETO}: those weights cannot be trusted, "
        "and more draws of them won't mend it."
        if doubt > 0.05
        else ""
    )
    return Figure(
        title=f"On the way to the truth — {words.task(task)}",
        subtitle=f"mean −log p against {title}"
        + ("; the line that is flat is the truth, and the distance from it stands beside" if level is not None else ""),
        caption=_caption(key, points) + warning,
        panels=tuple(Panel(svg) for svg in drawing.svg(specs, prefix)),
        legend=charts.legend([line.label for line in series]),
        grid=Grid(_HEADS, tuple(_row(label, p, level) for label, curve in found.items() for p in curve)),
    )


def _caption(key: str, points: Sequence[_Point]) -> str:
    if key == "tolerance":
        return _SOLVED
    return _ESTIMATED if {p.record.likelihood for p in points} == {"estimate"} else _BOUNDED


def _distances(series: Sequence[charts.Line], truth: float) -> list[charts.Line]:
    """How far each curve's mean is from the truth; a point that is on it has no logarithm, and is left out."""
    found = []
    for line in series:
        apart = np.abs(line.y - truth)
        found.append(charts.Line(line.label, line.x[apart > 0], np.log10(apart[apart > 0])))
    return found


_HEADS = (
    Head("Model"), Head("Spent", numeric=True), Head("−log p, nats", numeric=True),
    Head("Off the truth", numeric=True), Head("Largest Monte-Carlo error", numeric=True),
    Head("Median ESS", numeric=True), Head(f"Pareto k > {PARETO}", numeric=True),
    Head("Evaluations a sample", numeric=True),
)  # fmt: skip


def _row(label: str, p: _Point, level: tuple[str, float] | None) -> Row:
    def item(value: float | None, digits: int = 4) -> Item:
        return Item("–") if value is None or not np.isfinite(value) else Item(written(value, digits), sort=value)

    record = p.record
    used = None if record.evaluations is None else float(record.evaluations.mean())
    numbers = (
        item(p.spent, 6),
        item(p.nats),
        item(None if level is None else p.nats - level[1]),
        item(None if record.mc_error is None else float(record.mc_error.max())),
        item(None if record.ess is None else float(np.median(record.ess)), 1),
        item(p.doubted if record.pareto_k is not None else None, 2),
        item(used, 1),
    )
    return Row((Item(label), *numbers))
