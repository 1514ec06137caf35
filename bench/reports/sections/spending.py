"""What each decoder spent and what it reached: accuracy against tokens, every two decoders on the same prompts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import Metric
from bench.efficiency.runtime import pareto
from bench.records import Generations
from bench.registry import find
from bench.reports import charts, drawing
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, interval_of, short, value_of, written
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row
from bench.results import Result
from bench.stats.design import Estimate, design
from bench.stats.intervals import interval
from bench.stats.paired import PairedTest, paired_means

# Fewer decoders are no comparison of what tokens buy.
FEWEST = 3
MOST = 4
BASELINES = ("greedy", "sample")
# What a budget buys without further thought: votes on plain samples.
EQUAL = "self-consistency"
LETTER, LINE = 5.5, 12.0  # of a name in a drawing, in its units
_BUDGET = re.compile(r",budget=[0-9]+")


@dataclass(frozen=True)
class Spent:
    """One decoder on one task by one model: what it reached and cost, and its gains.

    tokens, calls, checks, seconds: for a prompt.  seconds: of the engine and the decoder, None where they were not
    counted.  per_kilotoken: right answers.  gain: over the baseline; equal: over `EQUAL` with the same budget.
    front, quick: whether no other is both cheaper, in tokens or seconds, and better.
    """

    cell: Cell
    accuracy: Result
    tokens: float
    calls: float | None
    checks: float | None
    seconds: float | None
    confidence: float
    per_kilotoken: Estimate
    gain: PairedTest | None
    equal: PairedTest | None
    front: bool = False
    quick: bool = False

    @property
    def label(self) -> str:
        """The decoder's name without its budget, which is the same for all."""
        return name(_BUDGET.sub("", self.cell.decoder))


def figures(material: Material, area: str, prefix: str) -> list[Figure]:
    """A figure for each task and model that several decoders answered."""
    made: list[Figure] = []
    cells = [cell for cell in material.cells_of(area) if cell.done and cell.decoder]
    # Where the most decoders answered there is the most to see.
    for (task, model), _ in Counter((cell.task, cell.model) for cell in cells).most_common():
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
        seconds = cell.cost.get("seconds", 0.0) / max(1, cell.n)
        rows.append(
            Spent(
                cell,
                accuracy,
                float((record.tokens.sums() if record.spent is None else record.spent).mean()),
                None if record.calls is None else float(record.calls.mean()),
                None if record.checks is None else float(record.checks.mean()),
                seconds if seconds > 0 else None,
                float(record.confidence.mean()),
                interval(find(Metric, "accuracy-per-kilotoken"), record, seed=0),
                _gain(record, None if cell is base else records.get(base.name)),
                _gain(record, _equal(cell, cells, records)),
            )
        )
    rows.sort(key=lambda row: row.tokens)
    gained = np.array([row.accuracy.value or 0.0 for row in rows])
    fronts = pareto(np.array([row.tokens for row in rows]), gained)
    quick = _quick(rows, gained)
    return [
        replace(row, front=bool(best), quick=bool(fast)) for row, best, fast in zip(rows, fronts, quick, strict=True)
    ]


def _quick(rows: Sequence[Spent], gained: Float64s) -> Bools:
    """Which of the rows are on the front in seconds; none where some were not timed."""
    seconds = [row.seconds for row in rows if row.seconds is not None]
    return pareto(np.array(seconds), gained) if len(seconds) == len(rows) else np.zeros(len(rows), dtype=np.bool_)


def _equal(cell: Cell, cells: Sequence[Cell], records: Mapping[str, Generations]) -> Generations | None:
    """The record of plain votes with the cell's own budget, unless there is none or it is the cell itself."""
    budget = _BUDGET.search(cell.decoder)
    wanted = f"{EQUAL}{budget[0]}" if budget else ""
    return next((records.get(one.name) for one in cells if one.decoder == wanted and one is not cell), None)


def _gain(record: Generations, base: Generations | None) -> PairedTest | None:
    """Accuracy less that of another on the prompts that both answered; None where there is no other."""
    if base is None:
        return None
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
        Head("Decoder"), Head("Accuracy", numeric=True, note="with its 95 % interval"),
        Head("Tokens", numeric=True, note="spent on a prompt: made, thrown away, or read to verify"),
        Head("Calls", numeric=True, note="texts and steps asked for, for a prompt"),
        Head("Checks", numeric=True, note="judgements of a verifier, for a prompt"),
        Head("Seconds", numeric=True, note="for a prompt, in engine and decoder, beside others of its batch"),
        Head("Right a kilotoken", numeric=True, note="right answers a thousand tokens, with their 95 % interval"),
        Head("Right a second", numeric=True, note="accuracy over seconds a prompt; the seconds are taken as exact"),
        Head("Against the baseline", numeric=True, note="difference of accuracy on the same prompts, paired"),
        Head("At equal budget", numeric=True, note=f"difference to {EQUAL} with the same budget, paired"),
        Head("Confidence", numeric=True, note="mean, to hold against accuracy"),
        Head("Front", note="no other is both cheaper and better: in tokens, in seconds"),
    )  # fmt: skip
    baseline = next((row.label for row in rows if row.gain is None), rows[0].label)
    drawn = [_chart(rows, "tokens a prompt", [row.tokens for row in rows], [row.front for row in rows])]
    seconds = [row.seconds for row in rows if row.seconds is not None]
    if len(seconds) == len(rows):
        drawn.append(_chart(rows, "seconds a prompt", seconds, [row.quick for row in rows]))
    return Figure(
        title=f"Accuracy against tokens: {name(task)}, {name(model)}",
        subtitle="cost of a prompt on a logarithmic scale; 95 % intervals of the accuracy",
        caption="Each sign is a decoder; blue ones are on the front, and named where there is room: no other is both "
        f"cheaper and better. The table compares each with {baseline}, and with {EQUAL} where it had the same budget, "
        "on the same prompts, which is sharper than the intervals side by side.",
        panels=tuple(Panel(svg) for svg in drawing.svg(drawn, prefix)),
        grid=Grid(heads, tuple(_row(row) for row in rows)),
        wide=True,
    )


def _row(row: Spent) -> Row:
    accuracy, seconds = row.accuracy, row.seconds
    return Row(
        (
            Item(row.label), Item(value_of(accuracy), small=interval_of(accuracy), sort=accuracy.value),
            Item(written(row.tokens, 0), sort=row.tokens), _number(row.calls, 1), _number(row.checks, 1),
            _number(seconds, 3),
            _between(row.per_kilotoken.value, row.per_kilotoken.interval.low, row.per_kilotoken.interval.high),
            _between(accuracy.value, accuracy.low, accuracy.high, per=seconds) if seconds else _number(None, 1),
            _paired(row.gain), _paired(row.equal), Item(written(row.confidence, 3), sort=row.confidence),
            Item(", ".join(word for word, on in (("tokens", row.front), ("seconds", row.quick)) if on)),
        )
    )  # fmt: skip


def _number(value: float | None, digits: int) -> Item:
    return Item("—" if value is None else written(value, digits), sort=value)


def _between(value: float | None, low: float | None, high: float | None, per: float = 1.0) -> Item:
    if value is None:
        return _number(None, 1)
    ends = "" if low is None or high is None else f"[{short(low / per)}, {short(high / per)}]"
    return Item(short(value / per), small=ends, sort=value / per)


def _paired(test: PairedTest | None) -> Item:
    if test is None:
        return _number(None, 1)
    ends = "" if test.low is None else f"[{written(test.low, 3)}, {written(test.high, 3)}]"
    return Item(f"{test.difference:+.3f}", small=ends, sort=test.difference)


def named(rows: Sequence[Spent], costs: Sequence[float], fronts: Sequence[bool]) -> list[str]:
    """What stands beside each sign: names of the front, best first, as far as there is room for them."""
    x = charts.FRONTIER[0] * (np.log(costs) - np.log(min(costs))) / max(np.ptp(np.log(costs)), 1e-9)
    y = charts.FRONTIER[1] * np.array([row.accuracy.value or 0.0 for row in rows])
    names = [""] * len(rows)
    taken: list[tuple[int, float]] = []  # who is named, and where the name ends
    for i in sorted(np.flatnonzero(fronts).tolist(), key=lambda i: -y[i]):
        end = x[i] + LETTER * len(rows[i].label)
        beside = [k for k, there in taken if abs(y[k] - y[i]) < LINE and x[k] - LETTER < end and x[i] - LETTER < there]
        if not beside:
            names[i] = rows[i].label
            taken.append((i, end))
    return names


def _chart(rows: Sequence[Spent], title: str, costs: Sequence[float], fronts: Sequence[bool]) -> dict[str, Any]:
    return charts.frontier(
        [
            {
                "cost": cost,
                "value": row.accuracy.value,
                "low": row.accuracy.value if row.accuracy.low is None else row.accuracy.low,
                "high": row.accuracy.value if row.accuracy.high is None else row.accuracy.high,
                "front": front,
                "name": beside,
                "label": f"{row.label}: accuracy {value_of(row.accuracy)} {interval_of(row.accuracy)}, "
                f"{short(cost)} {title}, n = {count(row.accuracy.n)}",
            }
            for row, cost, front, beside in zip(rows, costs, fronts, named(rows, costs, fronts), strict=True)
        ],
        (title, "accuracy"),
    )
