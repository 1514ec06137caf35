"""Selective prediction, forecasts against what came true, and what an ensemble's members disagree about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from bench.records import Choices, Classification, Generations, Record, Regression
from bench.reports import charts, curves, drawing, words
from bench.reports.material import Cell, Material
from bench.reports.numerals import count, value_of, written
from bench.reports.sections import errors
from bench.reports.sections.calibration import JUDGED, inliers
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Key, Panel, Row

MOST = 6
MOST_PANELS = 4
Members = list[tuple[Cell, Record]]
Maker = Callable[[Material, str, Members, str], Figure | None]


def figures(material: Material, cells: Sequence[Cell], most: int) -> tuple[list[Figure], list[str]]:
    """What the tasks' records allow: risk-coverage, coverage, error against spread, epistemic and aleatoric, PIT.

    One of each kind comes first, then those of further tasks, as far as there is room.
    """
    by_task = {
        task: [(c, r) for c in members if (r := material.tested(c)) is not None]
        for task, members in material.tasks_of(cells).items()
    }
    makers = (_risk_coverage, _coverage, errors.figure, _split, _pit)
    queues = [_each(material, make, by_task, f"unc{k}-") for k, make in enumerate(makers)]
    drawn: list[tuple[str, Figure]] = []
    while queues and len(drawn) < most:
        queue = queues.pop(0)
        found = next(queue, None)
        if found is not None:
            drawn.append(found)
            queues.append(queue)
    shown = {task for task, _ in drawn}
    return [figure for _, figure in drawn], [words.task(task) for task in by_task if task not in shown]


def _each(material: Material, make: Maker, by_task: dict[str, Members], prefix: str) -> Iterator[tuple[str, Figure]]:
    for place, (task, records) in enumerate(by_task.items()):
        figure = make(material, task, records, f"{prefix}{place}")
        if figure is not None:
            yield task, figure


def _who(cell: Cell) -> str:
    return " · ".join(part for part in (name(cell.model), name(cell.decoder)) if part)


def _risk_coverage(material: Material, task: str, records: Members, prefix: str) -> Figure | None:
    """Error rate of the answers that are kept, against how many are kept."""
    judged = [(c, r) for c, record in records if isinstance(r := inliers(record), JUDGED) and len(r) > 1]
    if not judged:
        return None
    series, rows = [], []
    for cell, record in judged[:MOST]:
        assert isinstance(record, Classification | Choices | Generations)  # noqa: S101 - for the type checker
        curve = curves.risk_coverage(record.confidence, record.correct, record.groups)
        series.append(charts.Line(_who(cell), curve.coverage, curve.risk, band=(curve.low, curve.high)))
        aurc = material.result(cell, "aurc")
        shares = [
            [float(np.interp(x, curve.coverage, y)) for y in (curve.risk, curve.low, curve.high)]
            for x in (0.5, 0.8, 0.9, 1.0)
        ]
        rows.append(
            Row(
                (
                    Item(_who(cell)), Item(count(len(record)), sort=float(len(record))),
                    Item(value_of(aurc) if aurc else written(curve.area, 4), sort=curve.area),
                    *(Item(written(x, 3), small=f"[{written(a, 3)}, {written(b, 3)}]", sort=x) for x, a, b in shares),
                )
            )
        )  # fmt: skip
    top = max(0.05, *(float(line.y.max()) for line in series)) * 1.05
    spec = charts.lines(
        series, ("coverage (share of answers kept)", "risk (error rate among them)"), domain=((0, 1), (0, min(top, 1)))
    )
    heads = (
        Head("Model"), Head("n", numeric=True), Head("AURC", numeric=True),
        *(Head(f"risk at {x} %", numeric=True) for x in (50, 80, 90, 100)),
    )  # fmt: skip
    return Figure(
        title=f"Risk and coverage — {words.task(task)}",
        subtitle="most confident answers first",
        caption="If only the most confident share of the answers is kept, this many of them are wrong. A useful "
        "confidence falls to the left; a flat line knows nothing. The band is Wilson's 95 % at each coverage, wide on "
        "the left, which rests on few answers.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=(*charts.legend([line.label for line in series]), Key("95 % interval", "var(--c1)", shape="band")),
        grid=Grid(heads, tuple(rows)),
    )


def _coverage(_: Material, task: str, records: Members, prefix: str) -> Figure | None:
    forecasts = [(c, r) for c, r in records if isinstance(r, Regression) and len(r) > 1]
    found = [(c, k) for c, r in forecasts[:MOST] if len((k := curves.coverage(r)).nominal)]
    if not found:
        return None
    series = [charts.Line(_who(c), k.nominal, k.observed) for c, k in found]
    spec = charts.lines(
        series, ("nominal coverage of the interval", "observed coverage"), domain=((0, 1), (0, 1)), diagonal=True
    )
    rows = [
        Row(
            (
                Item(_who(c)), Item(f"{100 * nominal:.0f} %", sort=float(nominal)),
                Item(written(seen, 3), sort=float(seen)),
                Item(f"[{written(low, 3)}, {written(high, 3)}]", sort=float(low)), Item(count(k.n), sort=float(k.n)),
            )
        )
        for c, k in found
        for nominal, seen, low, high in zip(k.nominal, k.observed, k.low, k.high, strict=True)
    ]  # fmt: skip
    heads = (
        Head("Model"), Head("Nominal", numeric=True), Head("Observed", numeric=True),
        Head("95 % interval", numeric=True, note="Wilson"), Head("n", numeric=True),
    )  # fmt: skip
    return Figure(
        title=f"Coverage — {words.task(task)}",
        subtitle="central intervals of the forecasts",
        caption="A forecast's 90 % interval should hold nine outcomes in ten. Below the dashed line the forecasts are "
        "too narrow, above it too wide.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=(*charts.legend([line.label for line in series]), Key("as promised", "var(--muted)", "4 3")),
        grid=Grid(heads, tuple(rows)),
    )


def _pit(material: Material, task: str, records: Members, prefix: str) -> Figure | None:
    forecasts = [(c, r) for c, r in records if isinstance(r, Regression) and len(r) > 1 and r.form != "interval"]
    if not forecasts:
        return None
    shown = [(c, curves.pit(r), len(r)) for c, r in forecasts[:MOST_PANELS]]
    size = charts.SMALL if len(shown) > 1 else charts.WIDE
    drawings = drawing.svg([charts.histogram(p, size) for _, p, _ in shown], prefix)
    rows = [
        Row(
            (
                Item(_who(c)), Item(f"{written(a, 2)}–{written(b, 2)}", sort=float(a)),
                Item(count(int(k)), sort=float(k)),
                Item(written(ratio, 2), sort=float(ratio)), Item(f"[{written(low, 2)}, {written(high, 2)}]"),
            )
        )
        for c, p, _ in shown
        for a, b, k, ratio, low, high in zip(p.left, p.right, p.count, p.ratio, p.low, p.high, strict=True)
    ]  # fmt: skip
    heads = (
        Head("Model"), Head("PIT", numeric=True), Head("n", numeric=True), Head("Observed ÷ expected", numeric=True),
        Head("95 % band of chance", numeric=True),
    )  # fmt: skip
    panels = []
    for (cell, _, n), svg in zip(shown, drawings, strict=True):
        distance = material.result(cell, "pit-ks")
        distance_text = f"distance from even (KS) {value_of(distance)} · " if distance is not None else ""
        panels.append(Panel(svg, _who(cell), f"{distance_text}n = {count(n)}"))
    return Figure(
        title=f"PIT histogram — {words.task(task)}",
        subtitle="where outcomes fell within their forecasts",
        caption="Even bars are calibrated forecasts. A hollow is forecasts too narrow, a hill forecasts too wide, a "
        "slope a bias. Bars within the band are what chance alone does to an even histogram (95 % for each bar). Bins "
        "of quantile forecasts are as wide as the gaps between their levels.",
        panels=tuple(panels),
        legend=(
            Key("observed ÷ expected", "var(--c1)", shape="bar"), Key("95 % band of chance", "var(--c2)", shape="band"),
        ),
        grid=Grid(heads, tuple(rows)),
        wide=len(panels) > 2,
    )  # fmt: skip


def _split(_: Material, task: str, records: Members, prefix: str) -> Figure | None:
    rows: list[dict[str, Any]] = []
    unit = ""
    for cell, record in records:
        parts = curves.split(record) if isinstance(record, Classification | Regression) else None
        if parts is None or len(rows) >= 2 * MOST:
            continue
        unit = parts.unit
        for which, chosen in _halves(record):
            if chosen.any():
                rows.append(_parts(cell, which, parts, chosen))
    if not rows:
        return None
    whose = {r["who"] for r in rows}
    if len(whose) == 1:  # one model's name need not stand before each of its bars
        rows = [{**r, "place": r["which"]} for r in rows]
    spec = charts.stacked(rows, f"uncertainty ({'nats' if unit == 'nats' else 'variance, units of y squared'})")
    heads = (
        Head("Model"), Head("Samples"), Head("n", numeric=True), Head("Aleatoric", numeric=True),
        Head("Epistemic", numeric=True), Head("Total", numeric=True), Head("Epistemic share", numeric=True),
    )  # fmt: skip
    table = tuple(
        Row(
            (
                Item(r["who"]), Item(r["which"]), Item(count(r["n"]), sort=float(r["n"])),
                Item(written(r["first"]), sort=r["first"]),
                Item(written(r["epistemic"]), sort=r["epistemic"]), Item(written(r["total"]), sort=r["total"]),
                Item(written(r["epistemic"] / r["total"] if r["total"] else 0.0, 3)),
            )
        )
        for r in rows
    )  # fmt: skip
    return Figure(
        title=f"Epistemic and aleatoric — {words.task(task)}",
        subtitle=f"{next(iter(whose))}: means over samples" if len(whose) == 1 else "means over samples",
        caption="Aleatoric is what each member is unsure of by itself; epistemic is what the members disagree about, "
        "and should grow where the model has not learned: on errors and on inputs unlike the training data.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=(Key("aleatoric", "var(--c1)", shape="bar"), Key("epistemic", "var(--c2)", shape="bar")),
        grid=Grid(heads, table),
    )


def _halves(record: Record) -> list[tuple[str, Any]]:
    """The samples in two parts that should differ: in and out of distribution, or right and wrong."""
    if record.ood is not None and record.ood.any():
        names = record.dataset
        if names is not None:
            return [(name(s), names == s) for s in np.unique(names)][:MOST]
        return [("in distribution", ~record.ood), ("out of distribution", record.ood)]
    if isinstance(record, Classification):
        return [("right answers", record.correct), ("wrong answers", ~record.correct)]
    return [("all", np.ones(len(record), dtype=bool))]


def _parts(cell: Cell, which: str, parts: curves.Split, chosen: Any) -> dict[str, Any]:
    aleatoric, epistemic = float(parts.aleatoric[chosen].mean()), float(parts.epistemic[chosen].mean())
    place = f"{_who(cell)}: {which}"
    label = f"{place}: aleatoric {written(aleatoric)}, epistemic {written(epistemic)}, n = {count(int(chosen.sum()))}"
    return {
        "place": place, "first": aleatoric, "epistemic": epistemic, "total": aleatoric + epistemic,
        "n": int(chosen.sum()), "label": label, "who": _who(cell), "which": which,
    }  # fmt: skip
