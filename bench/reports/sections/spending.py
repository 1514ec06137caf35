"""What each decoder spent and what it reached: accuracy against tokens, every two decoders on the same prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Bools
from bench.efficiency.runtime import pareto
from bench.records import Generations
from bench.reports import charts
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, interval_of, value_of, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row
from bench.results import Result
from bench.stats.design import design
from bench.stats.paired import PairedTest, paired_means

# Fewer decoders are no comparison of what tokens buy.
FEWEST = 3
MOST = 4
BASELINES = ("greedy", "sample")
_BUDGET = re.compile(r",budget=[0-9]+")


@dataclass(frozen=True)
class Spent:
    """One decoder on one task by one model: what it reached and cost, and its gain over the baseline."""

    cell: Cell
    accuracy: Result
    tokens: float
    calls: float | None
    checks: float | None
    confidence: float
    gain: PairedTest | None
    front: bool = False

    @property
    def label(self) -> str:
        """The decoder's name without its budget, which is the same for all."""
        return name(_BUDGET.sub("", self.cell.decoder))


def figures(material: Material, area: str, prefix: str) -> list[Figure]:
    """A figure for each task and model that several decoders answered."""
    made: list[Figure] = []
    cells = [cell for cell in material.cells_of(area) if cell.done and cell.decoder]
    pairs = list(dict.fromkeys((cell.task, cell.model) for cell in cells))
    for task, model in pairs:
        own = [cell for cell in cells if (cell.task, cell.model) == (task, model)]
        found = spent(material, own) if len(own) >= FEWEST else []
        if len(found) >= FEWEST and len(made) < MOST:
            made.append(_figure(task, model, found, f"{prefix}{len(made)}"))
    return made


def spent(material: Material, cells: Sequence[Cell]) -> list[Spent]:
    """What the cells of one task and model cost and reached, cheapest first."""
    records = {cell.name: record for cell in cells if isinstance(record := material.tested(cell), Generations)}
    base = next(
        (cell for wanted in BASELINES for cell in cells if cell.decoder == wanted and cell.name in records), cells[0]
    )
    rows = []
    for cell in cells:
        record, accuracy = records.get(cell.name), material.result(cell, "accuracy")
        if record is None or accuracy is None or accuracy.value is None:
            continue
        against = records.get(base.name)
        gain = _gain(record, against) if against is not None and cell is not base else None
        rows.append(
            Spent(
                cell,
                accuracy,
                float((record.tokens.sums() if record.spent is None else record.spent).mean()),
                None if record.calls is None else float(record.calls.mean()),
                None if record.checks is None else float(record.checks.mean()),
                float(record.confidence.mean()),
                gain,
            )
        )
    rows.sort(key=lambda row: row.tokens)
    front = pareto(np.array([row.tokens for row in rows]), np.array([row.accuracy.value or 0.0 for row in rows]))
    return [_with_front(row, bool(best)) for row, best in zip(rows, front, strict=True)]


def _with_front(row: Spent, best: bool) -> Spent:
    return Spent(row.cell, row.accuracy, row.tokens, row.calls, row.checks, row.confidence, row.gain, best)


def _gain(record: Generations, base: Generations) -> PairedTest | None:
    """Accuracy less that of the baseline on the prompts that both answered."""
    _, own, theirs = np.intersect1d(record.ids, base.ids, return_indices=True)
    if len(own) < 2:
        return None
    right: Bools = record.correct[own]
    groups = None if record.groups is None else record.groups[own]
    weights = None if record.weights is None else record.weights[own]
    return paired_means(
        right.astype(float), base.correct[theirs].astype(float), design(len(own), groups=groups, weights=weights)
    )


def _figure(task: str, model: str, rows: Sequence[Spent], prefix: str) -> Figure:
    heads = (
        Head("Decoder"), Head("Accuracy", numeric=True), Head("95 % interval", numeric=True),
        Head("Tokens", numeric=True, note="spent on a prompt: made, thrown away, or read to verify"),
        Head("Calls", numeric=True, note="texts and steps asked for"),
        Head("Checks", numeric=True, note="judgements of a verifier"),
        Head("Against the baseline", numeric=True, note="difference of accuracy on the same prompts, paired"),
        Head("95 % interval", numeric=True), Head("Confidence", numeric=True, note="mean, to hold against accuracy"),
        Head("Front", note="no other is both cheaper and better"),
    )  # fmt: skip
    baseline = next((row.label for row in rows if row.gain is None), rows[0].label)
    return Figure(
        title=f"Accuracy against tokens: {name(task)}, {name(model)}",
        subtitle="tokens a prompt on a logarithmic scale; 95 % intervals of the accuracy",
        caption="Each sign is a decoder; filled ones are on the front: no other is both cheaper and better. The table "
        f"compares each with {baseline} on the same prompts, which is sharper than the intervals side by side.",
        panels=tuple(Panel(svg) for svg in charts.svg([_chart(rows)], prefix)),
        grid=Grid(heads, tuple(_row(row) for row in rows)),
        wide=True,
    )


def _row(row: Spent) -> Row:
    gain = row.gain
    ends = "—" if gain is None or gain.low is None else f"[{written(gain.low, 3)}, {written(gain.high, 3)}]"
    return Row(
        (
            Item(row.label), Item(value_of(row.accuracy), sort=row.accuracy.value),
            Item(interval_of(row.accuracy), sort=row.accuracy.low), Item(written(row.tokens, 0), sort=row.tokens),
            Item("—" if row.calls is None else written(row.calls, 1), sort=row.calls),
            Item("—" if row.checks is None else written(row.checks, 1), sort=row.checks),
            Item("—" if gain is None else f"{gain.difference:+.3f}", sort=None if gain is None else gain.difference),
            Item(ends, sort=None if gain is None else gain.low), Item(written(row.confidence, 3), sort=row.confidence),
            Item("✓" if row.front else ""),
        )
    )  # fmt: skip


def _chart(rows: Sequence[Spent]) -> dict[str, Any]:
    return charts.frontier(
        [
            {
                "cost": row.tokens,
                "value": row.accuracy.value,
                "low": row.accuracy.value if row.accuracy.low is None else row.accuracy.low,
                "high": row.accuracy.value if row.accuracy.high is None else row.accuracy.high,
                "front": row.front,
                "name": row.label if row.front else "",
                "label": f"{row.label}: accuracy {value_of(row.accuracy)} {interval_of(row.accuracy)}, "
                f"{written(row.tokens, 0)} tokens a prompt, n = {count(row.accuracy.n)}",
            }
            for row in rows
        ],
        ("tokens a prompt", "accuracy"),
    )
