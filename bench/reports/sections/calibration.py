"""Reliability diagrams: confidence against accuracy, as answered and after temperature scaling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.records import Choices, Classification, Generations, Record
from bench.reports import charts, curves, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, value_of, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Key, Panel, Row

MOST_PANELS = 4
JUDGED = (Classification, Choices, Generations)


def figures(material: Material, cells: Sequence[Cell], most: int) -> tuple[list[Figure], list[str]]:
    """One figure a task, one panel a model (and decoder); and the tasks for which there was no room."""
    drawn: list[Figure] = []
    left_out: list[str] = []
    for task, members in material.tasks_of(cells).items():
        judged = [(c, r) for c in members if isinstance(r := inliers(material.tested(c)), JUDGED) and len(r)]
        if not judged:
            continue
        if len(drawn) == most:
            left_out.append(words.task(task))
            continue
        drawn.append(_figure(material, task, judged, f"rel{len(drawn)}"))
    return drawn, left_out


def inliers(record: Record | None) -> Record | None:
    """The rows in distribution: what an answer can be right about."""
    return record if record is None or record.ood is None else record.where(~record.ood)


def temperature_of(cell: Cell) -> float | None:
    """The fitted temperature that the run folder holds; `None` where there is none."""
    value = (cell.calibrations.get("temperature") or {}).get("temperature")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _figure(material: Material, task: str, judged: Sequence[tuple[Cell, Record]], prefix: str) -> Figure:
    specs, panels, rows = [], [], []
    any_calibrated = False
    for cell, record in judged[:MOST_PANELS]:
        raw = _bins(record)
        calibrated = _calibrated(cell, record)
        any_calibrated |= calibrated is not None
        specs.append(charts.reliability(raw, calibrated, charts.SMALL if len(judged) > 1 else charts.WIDE))
        who = " · ".join(part for part in (name(cell.model), name(cell.decoder)) if part)
        panels.append((who, _subtitle(material, cell, len(record), calibrated=calibrated is not None)))
        rows += _rows(who, "as answered", raw) + (_rows(who, "temperature", calibrated) if calibrated else [])
    drawings = drawing.svg(specs, prefix)
    more = len(judged) - MOST_PANELS
    legend = [Key("accuracy in the bin, 95 % Wilson interval", "var(--c1)", shape="bar")]
    legend += [Key("after temperature scaling", "var(--c2)", shape="diamond")] if any_calibrated else []
    return Figure(
        title=f"Reliability — {words.task(task)}",
        subtitle=f"the first {MOST_PANELS} of {len(judged)} models" if more > 0 else "",
        caption="Each bar is the accuracy of the answers given with that confidence; on the dashed line the model is "
        "as often right as it says. A bar below the line is overconfidence. The darker a bar, the more answers it "
        "stands for; empty bins are left out.",
        panels=tuple(Panel(svg, *text) for svg, text in zip(drawings, panels, strict=True)),
        legend=(*legend, Key("calibrated exactly", "var(--muted)", "4 3")),
        grid=Grid(_HEADS, tuple(rows)),
        wide=len(panels) > 2,
    )


def _bins(record: Record) -> curves.Reliability:
    assert isinstance(record, JUDGED)  # noqa: S101 - for the type checker: the caller chose them
    return curves.reliability(record.confidence, record.correct)


def _calibrated(cell: Cell, record: Record) -> curves.Reliability | None:
    fitted = temperature_of(cell)
    if fitted is None or not isinstance(record, Classification):
        return None
    return _bins(replace(record, logits=record.logits / fitted, members=None))


def _subtitle(material: Material, cell: Cell, n: int, *, calibrated: bool) -> str:
    parts = []
    ece, null = material.result(cell, "ece"), material.result(cell, "ece-null")
    if ece is not None:
        parts.append(f"ECE {value_of(ece)}" + (f" (if calibrated: {value_of(null)})" if null is not None else ""))
    squared = material.result(cell, "ece-debiased")
    if squared is not None:
        parts.append(f"debiased ECE² {value_of(squared)}")
    after = material.result(cell, "ece", calibrator="temperature")
    if calibrated and after is not None:
        parts.append(f"ECE at T = {written(temperature_of(cell), 2)}: {value_of(after)}")
    return " · ".join([*parts, f"n = {count(n)}"])


_HEADS = (
    Head("Model"), Head("Answers"), Head("Confidence"), Head("Mean confidence", numeric=True),
    Head("Accuracy", numeric=True), Head("95 % interval", numeric=True), Head("n", numeric=True),
)  # fmt: skip


def _rows(who: str, which: str, r: curves.Reliability) -> list[Row]:
    columns = zip(r.left, r.right, r.confidence, r.accuracy, r.low, r.high, r.count, strict=True)
    return [
        Row(
            (
                Item(who), Item(which), Item(f"{written(left, 2)}–{written(right, 2)}", sort=float(left)),
                Item(written(mean, 3), sort=float(mean)), Item(written(accuracy, 3), sort=float(accuracy)),
                Item(f"[{written(low, 3)}, {written(high, 3)}]", sort=float(low)), Item(count(int(n)), sort=float(n)),
            )
        )
        for left, right, mean, accuracy, low, high, n in columns
    ]  # fmt: skip
