"""Accuracy by decoder, and what the generations look like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bench.records import Generations
from bench.reports import charts, drawing
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, interval_of, value_of, written
from bench.reports.text import name, shorten
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row
from bench.results import Result

EACH = 2
MOST_EXAMPLES = 16
LONGEST = 280
RULE = (
    f"Of each model, decoder and task: the {EACH} right and the {EACH} wrong answers of the highest confidence, ties "
    f"by id, at most {MOST_EXAMPLES} in all. Of a pool, the first generation that gives the answer. Texts are cut at "
    f"{LONGEST} characters; control characters are shown as signs."
)


def accuracies(material: Material, area: str, prefix: str) -> Figure | None:
    """Accuracy of each model, a line a task and model, a sign a decoder."""
    results = [r for r in material.of(area) if r.metric == "accuracy" and not (r.score or r.slice or r.calibrator)]
    # What more decoders answered than there are colours is drawn against tokens instead.
    number = Counter((r.task, r.model) for r in results)
    few = [r for r in results if number[r.task, r.model] <= len(charts.COLOURS)]
    decoders = list(dict.fromkeys(r.decoder for r in few))[: len(charts.COLOURS)]
    rows = [_place(r) for r in few if r.decoder in decoders and r.value is not None]
    if not rows:
        return None
    spec = charts.points(rows, [name(d) or "as asked" for d in decoders], "accuracy", (0, 1))
    heads = (
        Head("Task"), Head("Model"), Head("Decoder"), Head("Accuracy", numeric=True),
        Head("95 % interval", numeric=True), Head("n", numeric=True), Head("Failed", numeric=True),
    )  # fmt: skip
    grid = Grid(heads, tuple(_accuracy_row(r) for r in results))
    return Figure(
        title="Accuracy by decoder",
        subtitle="95 % intervals: Wilson where samples are independent",
        caption="Share of prompts answered rightly. Decoders answer the same prompts, so a comparison of two of them "
        "is paired and sharper than these intervals, taken side by side, suggest.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=charts.legend([name(d) or "as asked" for d in decoders], shape="point"),
        grid=grid,
    )


def _place(r: Result) -> dict[str, object]:
    low, high = (r.value if end is None else end for end in (r.low, r.high))
    task = name(r.task.rpartition("/")[2])
    return {
        "place": f"{task}, {name(r.model)}", "value": r.value, "low": low, "high": high,
        "series": name(r.decoder) or "as asked",
        "label": f"{task}, {name(r.model)}, {name(r.decoder) or 'as asked'}: accuracy {value_of(r)} {interval_of(r)}, "
        f"n = {count(r.n)}",
    }  # fmt: skip


def _accuracy_row(r: Result) -> Row:
    return Row(
        (
            Item(name(r.task)), Item(name(r.model)), Item(name(r.decoder) or "as asked"),
            Item(value_of(r), sort=r.value), Item(interval_of(r), sort=r.low), Item(count(r.n), sort=float(r.n)),
            Item(count(r.n_failed), sort=float(r.n_failed)),
        )
    )  # fmt: skip


def examples(material: Material, cells: Sequence[Cell]) -> Grid | None:
    """Some answers in full, chosen by a stated rule."""
    rows: list[Row] = []
    for cell in cells:
        record = material.tested(cell)
        if isinstance(record, Generations) and len(rows) < MOST_EXAMPLES:
            rows += [_example(cell, record, i) for i in _chosen(record)]
    if not rows:
        return None
    heads = (
        Head("Prompt"), Head("Asked"), Head("Verdict"), Head("Confidence", numeric=True), Head("Answer"),
        Head("Right answer"), Head("Generation"),
    )  # fmt: skip
    return Grid(heads, tuple(rows[:MOST_EXAMPLES]), caption=RULE)


def _chosen(record: Generations) -> list[int]:
    """Positions of the most confident right answers, then of the most confident wrong ones."""
    order = np.lexsort((record.ids, -record.confidence))
    right = [int(i) for i in order if record.correct[i]][:EACH]
    return right + [int(i) for i in order if not record.correct[i]][:EACH]


def _example(cell: Cell, record: Generations, i: int) -> Row:
    pool = record.text[i]
    answers = record.answers[i] if record.answers is not None else None
    at = next((j for j, a in enumerate(answers) if a == record.answer[i]), 0) if answers is not None else 0
    target = "" if record.target is None else shorten(record.target[i], 60)
    right = bool(record.correct[i])
    who = " · ".join(part for part in (name(cell.model), name(cell.decoder)) if part)
    return Row(
        (
            Item(shorten(record.ids[i], 40), small=name(cell.task)), Item(who),
            Item("✓ right" if right else "✗ wrong", badges=()),
            Item(written(float(record.confidence[i]), 3), sort=float(record.confidence[i])),
            Item(shorten(record.answer[i], 60) or "—", title="" if record.answer[i] else "no answer could be read"),
            Item(target or "—"),
            Item(shorten(pool[at], LONGEST, lines=True), pre=True,
                 small=f"1 of {count(len(pool))}" if len(pool) > 1 else ""),
        )
    )  # fmt: skip
