"""Published figures as reference lines: what papers print of a data set, beside what the run measured."""

from __future__ import annotations

from bench.references.published import PUBLISHED, Published
from bench.reports import words
from bench.reports.material import Material
from bench.reports.numerals import interval_of, value_of, written
from bench.reports.sections.tables import Kinds
from bench.reports.text import name
from bench.reports.view import Bar, Grid, Head, Item, Row
from bench.results import Result

TITLE = "Beside published figures"
_HEADS = (
    Head("Task"), Head("Model"), Head("Metric"), Head("Value", numeric=True), Head("Value, drawn"), Head("Source"),
)  # fmt: skip
_CAPTION = (
    "Published figures are of the whole test split, with the preparation that the task's entry names (bench show task "
    "NAME). Kinds stand beside them: a bound is not ranked against an exact value."
)


def grids(material: Material, area: str, kind_of: Kinds) -> list[tuple[str, Grid]]:
    """One table: for each task of which figures are known, these and the run's own, in the order of their values."""
    rows: list[Row] = []
    for task, figures in PUBLISHED.items():
        metric = figures[0].metric
        own = [
            r for r in material.of(area)
            if r.task.partition(",")[0] == task and r.metric == metric and not r.slice and r.value is not None
        ]  # fmt: skip
        if own:
            rows += _rows(task, figures, own, kind_of)
    return [(TITLE, Grid(_HEADS, tuple(rows), caption=_CAPTION))] if rows else []


def _rows(task: str, figures: tuple[Published, ...], own: list[Result], kind_of: Kinds) -> list[Row]:
    ends = [f.value for f in figures] + [x for r in own for x in (r.value, r.low, r.high) if x is not None]
    low, high = min(ends), max(ends)
    margin = 0.06 * (high - low) or 1.0

    def place(value: float) -> float:
        return (value - low + margin) / (high - low + 2 * margin)

    found = [(f.value, _theirs(task, f, place(f.value))) for f in figures]
    for r in own:
        assert r.value is not None  # noqa: S101 - those without were left out
        ours = tuple(place(r.value if end is None else end) for end in (r.value, r.low, r.high))
        found.append((r.value, _ours(task, r, (ours[0], ours[1], ours[2]), kind_of(r)[0])))
    return [row for _, row in sorted(found, key=lambda pair: pair[0])]


def _theirs(task: str, figure: Published, at: float) -> Row:
    kind = words.kind(figure.kind)[0]
    text = written(figure.value, 4 if abs(figure.value) < 10 else 2)
    bar = Bar(at, at, at, label=f"{text}, {kind}, published", bound=figure.kind != "exact")
    return Row(
        (
            Item(words.task(task), sort=task),
            Item(figure.model, badges=(kind,)),
            Item(words.label(figure.metric)),
            Item(text, sort=figure.value),
            Item("", bar=bar, sort=figure.value),
            Item(figure.source),
        )
    )


def _ours(task: str, r: Result, at: tuple[float, float, float], kind: str) -> Row:
    bar = Bar(*at, label=f"{value_of(r)} {interval_of(r)}", bound=kind not in {"", "exact"}, tone="good")
    return Row(
        (
            Item(words.task(task), sort=task),
            Item(name(r.model), badges=(kind,) if kind else (), strong=True),
            Item(words.label(r.metric)),
            Item(value_of(r), small=interval_of(r), sort=r.value),
            Item("", bar=bar, sort=r.value),
            Item("this run", strong=True),
        )
    )
