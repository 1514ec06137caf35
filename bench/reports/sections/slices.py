"""Where a model errs most: shares of wrong answers by data set and by class, the highest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from bench.arrays import AnyArray
from bench.records import Choices, Classification, Generations, Record
from bench.reports import words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, written
from bench.reports.sections.calibration import inliers
from bench.reports.text import name, shorten
from bench.reports.view import Grid, Head, Item, Row
from bench.stats.design import LEVEL, design
from bench.stats.wilson import trials, wilson

MOST_EACH = 3
LEAST = 10  # samples
CAPTION = (
    "The three slices of each model with the highest share of wrong answers, among slices of at least ten samples. The "
    "worst of many is partly bad luck: intervals are widened for the number of slices looked at (Bonferroni)."
)


def worst(material: Material, cells: Sequence[Cell]) -> list[tuple[str, Grid]]:
    """One table a task; none for a task whose records have no right and wrong answers, or no slices."""
    found: list[tuple[str, Grid]] = []
    for task, members in material.tasks_of(cells).items():
        rows = [row for cell in members for row in _rows(material, cell)]
        if rows:
            heads = (
                Head("Model"), Head("Slice"), Head("n", numeric=True), Head("Wrong", numeric=True),
                Head("95 % interval", numeric=True, note="Wilson, with clusters, for all slices together"),
                Head("Overall", numeric=True), Head("Slices", numeric=True),
            )  # fmt: skip
            found.append((f"Worst slices — {words.task(task)}", Grid(heads, tuple(rows), caption=CAPTION)))
    return found


def _rows(material: Material, cell: Cell) -> Iterator[Row]:
    from scipy.special import ndtri

    test = material.tested(cell)
    record = None if test is None else inliers(test)
    if not isinstance(record, Classification | Choices | Generations) or len(record) == 0:
        return
    wrong = (~record.correct).astype(np.float64)
    slices = [(label, rows) for label, rows in _slices(record) if len(rows) >= LEAST]
    if len(slices) < 2:
        return
    critical = float(-ndtri((1 - LEVEL) / 2 / len(slices)))
    slices.sort(key=lambda s: (-wrong[s[1]].mean(), s[0]))
    for label, rows in [(label, rows) for label, rows in slices[:MOST_EACH] if wrong[rows].any()]:
        groups = None if record.groups is None else record.groups[rows]
        share, worth = trials(wrong[rows], design(len(rows), groups=groups))
        low, high = wilson(share, worth, critical)
        yield Row(
            (
                Item(name(cell.model), small=name(cell.decoder) if cell.decoder else ""), Item(label),
                Item(count(len(rows)), sort=float(len(rows))), Item(written(share, 3), sort=share),
                Item(f"[{written(low, 3)}, {written(high, 3)}]", sort=low),
                Item(written(float(wrong.mean()), 3)), Item(count(len(slices))),
            )
        )  # fmt: skip


def _slices(record: Record) -> Iterator[tuple[str, AnyArray]]:
    """Rows of each data set, of each class that came true, and of each class that was answered."""
    columns: list[tuple[str, AnyArray]] = []
    if record.dataset is not None:
        columns.append(("data set", record.dataset))
    if isinstance(record, Classification):
        columns += [("class", record.labels), ("answered as class", record.predicted)]
    for what, values in columns:
        different, place = np.unique(values, return_inverse=True)
        order = np.argsort(place, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(place))[:-1])
        if len(different) > 1:
            yield from ((f"{what} {shorten(v, 32)}", rows) for v, rows in zip(different, parts, strict=True))
