"""How detection grows with the strength of a shift: data sets of a task that differ by a number in their names."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from bench.reports import charts, drawing, words
from bench.reports.material import Material
from bench.reports.numerals import places_of
from bench.reports.sections.tables import measured
from bench.reports.text import name
from bench.reports.view import Figure, Grid, Head, Item, Panel, Row
from bench.results import Result

# Drawn, in this order, as far as there are such: one of each family.  Never the best ones, which chance would choose.
SHOWN = ("msp", "energy", "mahalanobis", "knn", "vim", "react", "density-nll", "likelihood-ratio", "reconstruction")
MOST = 6
LEAST = 3


def strengths(labels: Iterable[str]) -> tuple[str, dict[str, float]]:
    """The stem that names like `severity-3` share, and each one's number; empty where they don't share one."""
    found: dict[str, float] = {}
    stems = set()
    for label in labels:
        stem, _, number = label.rpartition("-")
        try:
            found[label] = float(number)
        except ValueError:
            return "", {}
        stems.add(stem)
    return (stems.pop(), found) if len(stems) == 1 and len(found) >= LEAST else ("", {})


def figure(material: Material, task: str, prefix: str) -> Figure | None:
    """AUROC against strength, a line a score, of the first model that was asked; `None` without strengths."""
    results = [r for r in material.results if r.task == task and r.metric == "auroc" and r.slice and not r.calibrator]
    stem, found = strengths(dict.fromkeys(r.slice for r in results))
    if not found:
        return None
    model = results[0].model
    of: dict[tuple[str, str], Result] = {(r.score, r.slice): r for r in results if r.model == model}
    ordered = sorted(found, key=lambda label: found[label])
    scores = list(dict.fromkeys(score for score, _ in of))
    shown = [s for s in SHOWN if s in scores][:MOST] or scores[:MOST]
    x = np.array([found[label] for label in ordered])
    lines = [charts.Line(name(s), x, np.array([_value(of.get((s, label))) for label in ordered])) for s in shown]
    spec = charts.lines(lines, (stem, "AUROC"), domain=((float(x[0]), float(x[-1])), (0, 1)))
    places = max(3, min(min(places_of(r), 4) for r in of.values()))
    grid = Grid(
        (Head("Score"), *(Head(name(label), numeric=True) for label in ordered)),
        tuple(
            Row((Item(name(s), strong=True), *(measured(of.get((s, label)), None, places) for label in ordered)))
            for s in scores
        ),
    )
    return Figure(
        title=f"Strength of the shift — {words.task(task)}",
        subtitle=name(model),
        caption="Each point is the AUROC against samples shifted so far. Scores are one of each family, chosen before "
        "the run; the table has all of them, with intervals.",
        panels=tuple(Panel(svg) for svg in drawing.svg([spec], prefix)),
        legend=charts.legend([name(s) for s in shown]),
        grid=grid,
    )


def _value(result: Result | None) -> float:
    return np.nan if result is None or result.value is None else float(result.value)
