"""How far a score separates what is in distribution from what is not: its densities, and the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import NotApplicable, Score
from bench.errors import BenchError
from bench.records import Record
from bench.registry import chosen
from bench.reports import charts, curves, drawing, words
from bench.reports.headlines import default_score
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, interval_of, places_of, value_of, written
from bench.reports.sections import ood_severity as severity
from bench.reports.sections.calibration import inliers
from bench.reports.sections.tables import measured
from bench.reports.text import name, shorten
from bench.reports.view import Figure, Grid, Head, Item, Key, Panel, Row

GRID = 160
MOST_SETS = 5
MOST_MODELS = 4
INSIDE = "in distribution"
OUTSIDE = "out of distribution"


@dataclass(frozen=True)
class Scored:
    """A model's test samples with one score: (n,) values, which are out of distribution, and from which data set."""

    cell: Cell
    score: str
    values: Float64s
    ood: Bools
    sets: tuple[tuple[str, Bools], ...]


def figures(material: Material, cells: Sequence[Cell], most: int) -> tuple[list[Figure], list[str]]:
    """For each task the score's densities (a panel a model), and the ROC curves on one pair of axes.

    A task whose data sets are one shift in several strengths has AUROC against strength in the densities' place.
    """
    drawn: list[Figure] = []
    left_out: list[str] = []
    for task, members in material.tasks_of(cells).items():
        scored = [s for c in members if (s := _scored(material, c)) is not None]
        if not scored:
            continue
        if len(drawn) + 2 > most:
            left_out.append(words.task(task))
            continue
        drawn += [
            severity.figure(material, task, f"sep{len(drawn)}")
            or _separation(material, task, scored, f"sep{len(drawn)}"),
            _roc(material, task, scored, f"roc{len(drawn)}"),
        ]
    return drawn, left_out


MEANS = (
    ("auroc-macro", "mean"), ("auroc-macro,among=near", "mean, near"), ("auroc-macro,among=far", "mean, far"),
    ("fpr95-ood-macro", "mean FPR95 (OOD)"),
)  # fmt: skip


def by_dataset(material: Material, area: str) -> list[tuple[str, Grid]]:
    """AUROC of each score against each data set, where a task has several, and the means over them."""
    found: list[tuple[str, Grid]] = []
    of_area = [r for r in material.of(area) if r.score]
    for task in dict.fromkeys(r.task for r in of_area if r.metric == "auroc" and r.slice):
        mine = [r for r in of_area if r.task == task]
        columns = [("auroc", r.slice) for r in mine if r.metric == "auroc" and r.slice]
        columns += [(metric, "") for metric, _ in MEANS if any(r.metric == metric for r in mine)]
        columns = list(dict.fromkeys(columns))
        at = {(r.model, r.score, r.calibrator, r.metric, r.slice): r for r in mine}
        shown = [r for key, r in at.items() if key[3:] in columns]
        places, rows = max([3, *(min(places_of(r), 4) for r in shown)]), []
        for who in dict.fromkeys((r.model, r.score, r.calibrator) for r in shown):
            numbers = (measured(at.get((*who, *column)), None, places) for column in columns)
            rows.append(Row((Item(name(who[0])), Item(name(who[1]), strong=True), *numbers)))
        labels = [shorten(part, 32) if part else dict(MEANS)[metric] for metric, part in columns]
        heads = (Head("Model"), Head("Score"), *(Head(label, numeric=True) for label in labels))
        title = f"AUROC by data set, and means in which all data sets count alike — {words.task(task)}"
        found.append((title, Grid(heads, tuple(rows))))
    return found


def _scored(material: Material, cell: Cell) -> Scored | None:
    """The cell's default score, recomputed from its record; `None` where it has none, or only one kind of sample."""
    test, whole = material.tested(cell), material.record(cell)
    if test is None or whole is None or test.ood is None or not 0 < int(test.ood.sum()) < len(test):
        return None
    wanted = default_score(
        r.score for r in material.results if (r.model, r.task) == (cell.model, cell.task) and r.metric == "auroc"
    )
    values = _values(wanted, test, whole)
    if values is None:
        return None
    return Scored(cell, wanted, values, test.ood, tuple(_sets(test, test.ood)))


def _values(wanted: str, test: Record, whole: Record) -> Float64s | None:
    if not wanted:
        return None
    try:
        score = chosen(Score, wanted)
        if not isinstance(test, score.of):
            return None
        train = inliers(whole.split("train"))
        values = score.function(test, train) if score.fitted else score.function(test)
    except (NotApplicable, BenchError):  # the plugin that has the score isn't loaded now: the numbers stand anyhow
        return None
    return np.asarray(values, dtype=np.float64)


def _sets(test: Record, ood: Bools) -> list[tuple[str, Bools]]:
    """The out-of-distribution data sets: the first five by name, or all together where they have no names."""
    if test.dataset is None:
        return [(OUTSIDE, ood)]
    names = np.unique(test.dataset[ood])
    return [(name(s), ood & (test.dataset == s)) for s in names[:MOST_SETS]]


def _separation(material: Material, task: str, scored: Sequence[Scored], prefix: str) -> Figure:
    shown = scored[:MOST_MODELS]
    specs, titles, rows = [], [], []
    labels = [INSIDE, *dict.fromkeys(label for s in shown for label, _ in s.sets)][: len(charts.COLOURS)]
    for s in shown:
        columns = [(INSIDE, s.values[~s.ood]), *((label, s.values[rows_]) for label, rows_ in s.sets)]
        low, high = curves.span([c for _, c in columns])
        grid = np.linspace(low, high, GRID)
        by_label = dict(columns)
        series = [
            charts.Line(
                label, grid, curves.density(by_label.get(label, np.empty(0)), grid), area=i == 0 or len(labels) == 2
            )
            for i, label in enumerate(labels)
        ]
        size = charts.SMALL if len(shown) > 1 else charts.WIDE
        axes = (f"{name(s.score)} (higher: more suspicious)", "density")
        specs.append(charts.lines(series, axes, domain=((low, high), None), size=size))
        titles.append((name(s.cell.model), _numbers(material, s)))
        rows += [_row(s, label, c) for label, c in columns]
    more = f"the first {MOST_MODELS} of {len(scored)} models" if len(scored) > MOST_MODELS else ""
    return Figure(
        title=f"Score separation — {words.task(task)}",
        subtitle=more,
        caption="Where the curves overlap, no threshold tells the samples apart. The score shown is the usual default "
        "of its kind, chosen before the run; the table has all of them.",
        panels=tuple(Panel(svg, *title) for svg, title in zip(drawing.svg(specs, prefix), titles, strict=True)),
        legend=charts.legend(labels),
        grid=Grid(_HEADS, tuple(rows)),
        wide=len(shown) > 2,
    )


def _roc(material: Material, task: str, scored: Sequence[Scored], prefix: str) -> Figure:
    """Curves of the models; of a single model, curves of its data sets."""
    if len(scored) == 1:
        s = scored[0]
        named = [(label, s.values, rows | ~s.ood, s.ood) for label, rows in s.sets]
        whose = f"{name(s.cell.model)}, {name(s.score)}: {_numbers(material, s)}"
    else:
        named = [
            (f"{name(s.cell.model)} ({name(s.score)})", s.values, np.ones(len(s.ood), dtype=bool), s.ood)
            for s in scored[: len(charts.COLOURS)]
        ]
        whose = "one curve a model"
    found = [(label, curves.roc(v[rows], ood[rows]), rows, ood) for label, v, rows, ood in named]
    drawn = [(label, r, rows, ood) for label, r, rows, ood in found if r is not None]
    lines = [charts.Line(label, r.fpr, r.tpr) for label, r, _, _ in drawn]
    spec = charts.lines(
        lines, ("false positive rate (ID flagged)", "true positive rate (OOD flagged)"),
        domain=((0, 1), (0, 1)), diagonal=True,
    )  # fmt: skip
    grid = Grid(
        (
            Head("Curve"), Head("ID", numeric=True), Head("OOD", numeric=True), Head("Area", numeric=True),
            *(Head(f"TPR at FPR {x:g}", numeric=True) for x in (0.01, 0.05, 0.1, 0.2)),
        ),
        tuple(
            Row(
                (
                    Item(label), Item(count(int((rows & ~ood).sum()))), Item(count(int((rows & ood).sum()))),
                    Item(written(r.area, 3), sort=r.area),
                    *(Item(written(_at(r, x), 3), sort=_at(r, x)) for x in (0.01, 0.05, 0.1, 0.2)),
                )
            )
            for label, r, rows, ood in drawn
        ),
    )  # fmt: skip
    return Figure(
        title=f"ROC — {words.task(task)}",
        subtitle=whose,
        caption="Each point is a threshold: how many in-distribution samples are flagged wrongly, and how many of the "
        "others rightly. The dashed line is a coin.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=(*charts.legend([label for label, _, _, _ in drawn]), _COIN),
        grid=grid,
    )


_COIN = Key("chance", "var(--muted)", "4 3")


def _at(r: curves.Roc, fpr: float) -> float:
    """The highest true positive rate at a false positive rate of at most `fpr`."""
    return float(r.tpr[np.searchsorted(r.fpr, fpr, side="right") - 1])


def _numbers(material: Material, s: Scored) -> str:
    parts = []
    for metric, label in (("auroc", "AUROC"), ("fpr95-ood", "FPR95 (OOD)")):
        result = material.result(s.cell, metric, score=s.score)
        if result is not None:
            interval = f" {interval_of(result)}" if metric == "auroc" else ""
            parts.append(f"{label} {value_of(result)}{interval}")
    return " · ".join(parts)


_HEADS = (
    Head("Model"), Head("Samples"), Head("n", numeric=True), Head("Mean score", numeric=True),
    Head("5 %", numeric=True), Head("Median", numeric=True), Head("95 %", numeric=True),
)  # fmt: skip


def _row(s: Scored, label: str, column: Float64s) -> Row:
    column = column[np.isfinite(column)]
    numbers = [float(column.mean()), *map(float, np.quantile(column, [0.05, 0.5, 0.95]))] if len(column) else []
    cells = [Item(written(x), sort=x) for x in numbers] or [Item("—")] * 4
    return Row((Item(name(s.cell.model)), Item(label), Item(count(len(column)), sort=float(len(column))), *cells))
