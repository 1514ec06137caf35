"""Comparisons as a page, as Markdown and as rows of text: every number that two sides have, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.comparing.changes import Changes
from bench.comparing.comparison import Comparison, Row
from bench.reports import markdown as report_markdown
from bench.reports import words
from bench.reports.decisions.sheet import CORRECTIONS, Part, Sheet, bar, html
from bench.reports.numerals import NONE, count, decimals, p_value, plural, written
from bench.reports.page import Tile
from bench.reports.text import markdown, name, shorten
from bench.reports.view import Grid, Head, Item
from bench.reports.view import Row as Line

COLUMNS: tuple[str, ...] = (
    "level", "task", "metric", "reference_model", "candidate_model", "decoder", "calibrator", "score", "slice",
    "reference", "candidate", "gain", "low", "high", "p_value", "adjusted", "mde", "n", "failed_reference",
    "failed_candidate", "gains", "losses", "method", "reason",
)  # fmt: skip
LEAD = (
    "Candidate minus reference on the same samples, turned so that positive is better, with its 95 % interval. "
    "The p-value is two-sided and corrected over the whole table; MDE is the smallest difference that these samples "
    "would show with 80 % power."
)
LEVELS = (("overall", "Overall"), ("task", "Tasks"), ("slice", "Slices"))
ALPHA = 0.05


def said(row: Row) -> tuple[str, str]:
    """What the row comes to, with a sign, and its tone."""
    c = row.contrast
    if c is None or row.adjusted is None:
        return "— no test", "plain"
    if row.adjusted < ALPHA and row.better != "none":
        return ("▲ better", "good") if c.gain > 0 else ("▼ worse", "bad")
    if row.adjusted < ALPHA:
        return "≠ different", "warn"
    return "◌ no difference shown", "plain"


def cells(row: Row) -> dict[str, str]:
    """The row in words."""
    c = row.contrast
    places = decimals(c.gain, c.low, c.high) if c else 4
    sign = "+" if c and c.gain > 0 else ""
    return {
        "what": said(row)[0],
        "task": name(row.task) or "overall",
        "model": " → ".join(dict.fromkeys(name(m) for m in row.models)),
        "variant": " · ".join(name(p) for p in (row.decoder, row.calibrator, row.score, row.slice) if p),
        "metric": f"{words.label(row.metric)} {words.ARROWS.get(row.better, '')}".strip(),
        "reference": written(row.reference, places),
        "candidate": written(row.candidate, places),
        "gain": f"{sign}{written(c.gain, places)}" if c else NONE,
        "interval": f"[{written(c.low, places)}, {written(c.high, places)}]" if c and c.low is not None else NONE,
        "p": p_value(row.adjusted),
        "mde": NONE if c is None or c.mde is None else written(c.mde),
        "n": count(row.n),
        "changed": f"{c.gains} : {c.losses}" if c and c.gains is not None else "",
        "why": shorten(row.reason, 160),
    }


def page(found: Sequence[Comparison], changed: Sequence[Sequence[Changes]]) -> str:
    """All comparisons as one HTML text."""
    rows = [row.as_json() for c in found for row in c.rows]
    return html(sheet(found, changed), COLUMNS, [[r[k] for k in COLUMNS] for r in rows], "comparison.csv")


def sheet(found: Sequence[Comparison], changed: Sequence[Sequence[Changes]]) -> Sheet:
    """What the page shows."""
    rows = [row for c in found for row in c.rows]
    words_ = [said(row)[1] for row in rows]
    better, worse = words_.count("good"), words_.count("bad")
    refused = [text for c in found for text in c.refused]
    tiles = (
        Tile(count(worse), "surely worse", "bad" if worse else "plain"),
        Tile(count(better), "surely better", "good" if better else "plain"),
        Tile(count(sum(r.adjusted is not None for r in rows) - better - worse), "no difference shown"),
        Tile(count(len(rows)), "numbers in both"),
        Tile(count(len(refused)), "not comparable", "bad" if refused else "plain"),
        Tile(count(sum(sum(r.failed) for r in rows if r.level == "task")), "failed samples in them"),
    )
    reference = found[0].reference.name
    return Sheet(
        title="comparison",
        status=f"{plural(worse, 'number')} worse, {better} better",
        tone="bad" if worse else "good" if better else "plain",
        chips=(("reference", shorten(reference, 60)), *(("candidate", shorten(c.candidate.name, 60)) for c in found)),
        tiles=tiles,
        heading="Differences",
        lead=f"{LEAD} Correction: {CORRECTIONS[found[0].correction]}, {sum(c.tests for c in found)} tests.",
        filters=LEVELS,
        grid=_grid(found),
        sections=(*_changes(found, changed), *_apart(found)),
    )


def _grid(found: Sequence[Comparison]) -> Grid:
    several = len(found) > 1
    heads = (
        Head("Says"), *((Head("Candidate run"),) if several else ()), Head("Task"), Head("Metric"),
        Head("n", numeric=True), Head("Reference", numeric=True), Head("Candidate", numeric=True),
        Head("Gain", numeric=True, note="candidate minus reference, positive for better"),
        Head("Interval, drawn", note="95 %, on a scale of the metric"),
        Head("p, corrected", numeric=True), Head("MDE", numeric=True), Head("Right : wrong", note="became so"),
    )  # fmt: skip
    widest = _widest([row for c in found for row in c.rows])
    lines = [_line(row, c.candidate.name if several else "", widest) for c in found for row in c.rows]
    return Grid(heads, tuple(lines))


def _widest(rows: Sequence[Row]) -> dict[str, float]:
    widest: dict[str, float] = {}
    for row in rows:
        ends = [abs(x) for x in (row.contrast.low, row.contrast.high) if x is not None] if row.contrast else []
        widest[row.metric] = max([widest.get(row.metric, 0.0), *ends])
    return widest


def _line(row: Row, run: str, widest: dict[str, float]) -> Line:
    text, c = cells(row), row.contrast
    what, tone = said(row)
    models = " → ".join(dict.fromkeys(name(m) for m in row.models))
    drawn, method = None, ""
    if c is not None:
        method = shorten(c.method, 120)
        label = f"gain {text['gain']} {text['interval']}"
        drawn = bar(c.gain, (c.low, c.high), widest[row.metric] / 3, label, margin=None, tone=tone)
    failed = sum(row.failed)
    small = " · ".join(p for p in (text["variant"], models) if p)
    items = (
        Item(what, tone=tone),
        *((Item(name(run)),) if run else ()),
        Item(text["task"], small=small, strong=True),
        Item(text["metric"], badges=("biased",) if row.biased else ()),
        Item(text["n"], sort=row.n, small=f"{failed} failed" if failed else ""),
        Item(text["reference"], sort=row.reference),
        Item(text["candidate"], sort=row.candidate),
        Item(text["gain"], sort=c.gain if c else None, small=text["interval"] if drawn else ""),
        Item(
            NONE if drawn is None else "",
            bar=drawn,
            sort=c.gain if c else None,
            title=method,
        ),
        Item(text["p"], sort=row.adjusted),
        Item(text["mde"], sort=c.mde if c else None),
        Item(text["changed"] or NONE, small=text["why"]),
    )
    return Line(items, area=row.level)


def _changes(found: Sequence[Comparison], changed: Sequence[Sequence[Changes]]) -> tuple[Part, ...]:
    grids = []
    for c, each in zip(found, changed, strict=True):
        for one in each:
            if one.shown:
                run = f" · {name(c.candidate.name)}" if len(found) > 1 else ""
                models = " → ".join(dict.fromkeys(name(m) for m in one.models))
                ways = f"{one.gained} better, {one.lost} worse by {words.label(one.metric)}"
                grids.append((f"{name(one.task)} · {models}{run}: {ways}", _samples(one)))
    lead = "Samples that moved farthest, both ways, side by side. The questions themselves are not kept in a run."
    return (Part("changed", "What changed", lead, tuple(grids)),) if grids else ()


def _samples(one: Changes) -> Grid:
    heads = (Head("Way"), Head("Sample"), Head("Right answer"), Head("Reference"), Head("Candidate"))
    rows = tuple(
        Line(
            (
                Item("▲ better" if s.gained else "▼ worse", tone="good" if s.gained else "bad"),
                Item(shorten(s.id, 60), strong=True),
                Item(shorten(s.target, 120) or NONE),
                Item(shorten(s.reference, 400, lines=True), pre=True),
                Item(shorten(s.candidate, 400, lines=True), pre=True),
            )
        )
        for s in one.shown
    )
    return Grid(heads, rows)


def _apart(found: Sequence[Comparison]) -> tuple[Part, ...]:
    refused = [shorten(text, 300) for c in found for text in c.refused]
    missing = [shorten(text, 300) for c in found for text in c.missing]
    noted = [shorten(text, 300) for c in found for text in c.noted]
    parts = []
    if refused:
        parts.append(
            Part("refused", "Not comparable", "These were asked other questions or samples.", texts=tuple(refused))
        )
    if missing:
        parts.append(Part("missing", "On one side only", texts=tuple(missing)))
    if noted:
        why = "Compared because --across-kinds asked for it: a bound that is worse may belong to the better model."
        parts.append(Part("noted", "Likelihoods of different kinds", why, texts=tuple(noted)))
    return tuple(parts)


def as_markdown(found: Sequence[Comparison], changed: Sequence[Sequence[Changes]]) -> str:
    """The same as Markdown."""
    s = sheet(found, changed)
    parts = [
        f"### bench · {s.title}",
        f"**{markdown(s.status)}** · " + " · ".join(f"{markdown(k)} {markdown(v)}" for k, v in s.chips),
        report_markdown.table(s.grid),
        f"<sub>{markdown(s.lead, 600)}</sub>",
    ]
    for part in s.sections:
        parts.append(f"#### {markdown(part.title)}")
        for title, grid in part.grids:
            parts += [f"**{markdown(title)}**", report_markdown.table(grid)]
        parts += [f"- {markdown(text)}" for text in part.texts]
    return "\n\n".join(parts) + "\n"


def document(found: Sequence[Comparison], changed: Sequence[Sequence[Changes]]) -> list[dict[str, Any]]:
    """One JSON-ready object a comparison."""
    return [
        {
            "kind": "bench-comparison",
            "reference": {"name": c.reference.name, "facts": dict(c.reference.facts)},
            "candidate": {"name": c.candidate.name, "facts": dict(c.candidate.facts)},
            "correction": c.correction,
            "tests": c.tests,
            "rows": [row.as_json() for row in c.rows],
            "refused": list(c.refused),
            "missing": list(c.missing),
            "across_kinds": list(c.noted),
            "changes": [one.as_json() for one in each],
        }
        for c, each in zip(found, changed, strict=True)
    ]
