"""The leaderboard's pages: an overview, one a task, one a model; each one file, no network."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.leaderboard.aggregation import Aggregate
from bench.leaderboard.tables import OVERALL, Leaderboard, Ranked, costs, front
from bench.reports import words
from bench.reports.html import coded_table, rendered
from bench.reports.numerals import count, interval_of, plural, short, value_of, written
from bench.reports.page import Tile
from bench.reports.standings import drawing, rows
from bench.reports.standings.rows import OTHERS, Columns, Line, Pages
from bench.reports.text import shorten

if TYPE_CHECKING:
    from markupsafe import Markup

Page = tuple[str, Callable[[], str]]  # its file, and what makes its text

METHODS: dict[str, str] = {
    "Places": "A model's place is at least one more than the number of models surely above it, and at most the number "
    "of those not surely below it; “surely” holds for all pairs of models at once in 95 % of samples. Where the "
    "models' answers can be read, samples are paired by id and clustered, and the largest studentised difference "
    "is resampled (pairwise max-T; Mogstad, Romano, Shaikh and Wilhelm 2024); else the models' own intervals are "
    "taken as independent (Tukey and Kramer), which pairing would only sharpen. The page of each task says which.",
    "Mean": "Each task's number is normalised: a bounded metric from its worst value (0) to its best (100), another "
    "from the worst model of the board to the best. Where models stand on different boards, the mean is that of "
    "the model in a least-squares fit of board + model, which holds a model against those that it shares boards "
    "with, cut off at 0 and 100; with all numbers there, it is the plain mean. A missing number is never a zero. "
    "Models that share no board, even through others, are ranked apart. What follows ± is the 95 % error of its "
    "distance from the mean of all models. Where numbers are missing, the error and the places also hold how much "
    "a model's numbers vary about the fit, since it might have done better or worse on what it was not asked; a "
    "dash says that there are too few numbers to tell.",
    "Other aggregates": "Borda, Bradley–Terry, Thurstone, additive and PageRank answer other questions: how often a "
    "model is better, not by how much. They rest on the chance, given the samples, that one model is better than "
    "the other, so that noise is no victory. Kendall's tau says how far each agrees with the order by the mean.",
    "Likelihoods": "Exact values, bounds and estimates of a likelihood stand on boards of their own, and are "
    "aggregated apart.",
    "Decoders and calibrators": "In aggregates a model stands by the decoder that its run names first; others stand "
    "on the task's page. Numbers after a calibrator are left out.",
    "Looks": "Each different number that was read of a board's samples is a look; looks.json counts them over time. "
    "The best of k looks exceeds its truth by up to about one standard error times √(2 ln k), by chance alone.",
}


def pages(found: Leaderboard, command: Sequence[str]) -> list[Page]:
    """Every page's file, and what makes its HTML: an overview, one a task, one a model."""
    files, columns = Pages.of(found), Columns.of([s for r in found.boards for s in r.board.standings])
    lines = rows.lines(found, files, columns)
    made: list[Page] = [("index.html", partial(_overview, found, files, command))]
    for k, ranked in enumerate(found.boards):
        made.append((files.boards[k], partial(_task, found, ranked, [lines[k][i] for i in ranked.order], columns)))
    at = {id(ranked): k for k, ranked in enumerate(found.boards)}
    for model in found.models:
        mine = [lines[at[id(r)]][i] for r, i in found.of(model)]
        made.append((files.models[model], partial(_model, found, model, mine, columns)))
    return made


def _overview(found: Leaderboard, files: Pages, command: Sequence[str]) -> str:
    names = [f for f in found.fields if f != OVERALL]
    means = {f: {m: float(v) for a in found.fields[f] for m, v in zip(a.models, a.value, strict=True)} for f in names}
    boards = [_board(r, href) for r, href in zip(found.boards, files.boards, strict=True)]
    areas = list(dict.fromkeys(r.board.area for r in found.boards))
    columns = ("task", "area", "metric", "models", "first", "may be first too", "value", "interval", "looks")
    keys = ("name", "field", "metric", "models", "first", "others", "number", "interval", "looks")
    return rendered(
        "standings_overview.html.j2",
        coded_table(columns, [[b[k] for k in keys] for b in boards], file="tasks.csv"),
        chips=_chips(found),
        tiles=_tiles(found),
        fields=[_field(found, f, files, names, means) for f in found.fields],
        boards=boards,
        filters=[(rows.slug(a), words.title(a), sum(r.board.area == a for r in found.boards)) for a in areas],
        methods=list(METHODS.items()),
        command=shlex.join(shorten(word, 400) for word in command),
    )


def _chips(found: Leaderboard) -> list[tuple[str, str]]:
    dates = sorted(s.created[:10] for r in found.boards for s in r.board.standings if s.created)
    chips = [("runs", count(len(found.runs)))]
    if dates:
        chips += [("newest", dates[-1]), ("oldest", dates[0])]
    return [*chips, ("numbers", "through Thresholdout")] if found.thresholdout else chips


def _tiles(found: Leaderboard) -> list[Tile]:
    numbers = sum(len(r.board.standings) for r in found.boards)
    failed = sum(len(r.board.failed) for r in found.boards)
    paired = sum(r.places.totals is not None for r in found.boards)
    alone = sum(len(r.board.standings) == 1 for r in found.boards)
    return [
        Tile(count(len(found.models)), "models"),
        Tile(count(len(found.boards)), "boards, one a task and kind of number"),
        Tile(count(numbers), "numbers, each with its interval"),
        Tile(count(paired), "boards with samples paired over models"),
        Tile(count(alone), "boards with one model alone"),
        Tile(count(failed), "cells failed, and stand nowhere"),
    ]


def _field(
    found: Leaderboard, field: str, files: Pages, names: list[str], means: dict[str, dict[str, float]]
) -> dict[str, Any]:
    several = found.fields[field]
    area, _, kind = field.partition(", ")
    title = "Overall" if field == OVERALL else words.title(area) + (f": {words.kind(kind)[0]}" if kind else "")
    lead = "All boards together, and the mean in each area." if field == OVERALL else words.lead(area)
    apart = " Models that share no board are ranked apart." if len(several) > 1 else ""
    tables = []
    for k, a in enumerate(several):
        shares = [f for f in names if any(m in means[f] for m in a.models)] if field == OVERALL else []
        others = [(key, *OTHERS[key]) for key in a.others if field != OVERALL or key in {"borda", "bradley-terry"}]
        lines = rows.totals(a, files, shares, means)
        kept = [i for i, key in enumerate(a.others) if key in {o[0] for o in others}]
        lines = [_only(line, kept) for line in lines]
        tables.append(
            {
                "id": f"t-{rows.slug(field)}-{k}",
                "title": f"Over {plural(len(a.boards), 'board')}" if len(several) > 1 else "",
                "rows": lines,
                "shares": [rows.field_of(f) for f in shares],
                "others": others,
                "note": _note(a),
                "boards": len(a.boards),
                "chart": _cost_chart(a),
            }
        )
    return {"id": f"f-{rows.slug(field)}", "title": title, "lead": lead + apart, "tables": tables}


def _only(line: rows.Total, kept: list[int]) -> rows.Total:
    return replace(line, others=tuple(line.others[i] for i in kept))


def _note(a: Aggregate) -> str:
    boards = plural(len(a.boards), "board")
    how = f"Mean of {boards}, ordered by it; places by {a.method}."
    if not a.complete:
        how += " Not every model stands on every board: means are as if each did, by least squares."
    tau = ", ".join(f"{OTHERS[k][0]} {written(v, 2)}" for k, v in a.agreement.items() if math.isfinite(v))
    return f"{how} Agreement of other aggregates with this order (Kendall's tau): {tau}." if tau else how


def _cost_chart(a: Aggregate) -> Any:
    seconds = costs(a)
    models = [m for m in a.models if m in seconds]
    if len(models) < 3:
        return ""
    at = [(seconds[m], 100 * float(a.value[a.models.index(m)])) for m in models]
    best = set(front(at))
    return drawing.pareto(
        [drawing.Point(rows.name(m), x, y, i in best) for i, (m, (x, y)) in enumerate(zip(models, at, strict=True))],
        "seconds for 1,000 samples",
        "mean",
    )


def _board(ranked: Ranked, href: str) -> dict[str, Any]:
    board = ranked.board
    leader, others = rows.first(ranked)
    best = board.standings[ranked.order[0]].result
    return {
        "area": rows.slug(board.area), "field": rows.field_of(board.field), "name": rows.name(board.name), "href": href,
        "metric": f"{rows.metric_of(board)} {words.ARROWS.get(board.result.better, '')}".strip(),
        "models": len(board.standings), "first": leader, "others": others, "number": float(best.value or 0.0),
        "value": value_of(best), "interval": interval_of(best), "looks": ranked.looked,
    }  # fmt: skip


def _task(found: Leaderboard, ranked: Ranked, lines: list[Line], columns: Columns) -> str:
    board = ranked.board
    standing = [board.standings[i] for i in ranked.order]
    there = {s.model for s in standing}
    missing = [(rows.name(m), shorten(why, 200)) for m, why in board.failed.items()]
    absent = [m for m in found.models if m not in there and m not in board.failed]
    notes = [f"Places by {ranked.places.method}.", *(f"{shorten(n, 300)}." for n in ranked.notes)]
    if absent:
        shown = ", ".join(map(rows.name, absent[:8]))
        notes.append(
            f"Never asked, and so without a place: {shown}{f' and {len(absent) - 8} more' * (len(absent) > 8)}."
        )
    past = [
        {"name": rows.name(s.name), "when": p.created[:19].replace("T", " "), "number": p.value,
         "value": written(p.value), "interval": f"[{written(p.low)}, {written(p.high)}]", "run": rows.name(p.run)}
        for s in standing for p in s.past
    ]  # fmt: skip
    label = rows.metric_of(board)
    better = words.BETTER.get(board.result.better, "")
    return rendered(
        "standings_page.html.j2",
        _data(lines, "task"),
        title=rows.name(board.name),
        chips=_task_chips(ranked, label, better),
        heading="Standings",
        lead=_task_lead(ranked),
        first="Model",
        filters=[],
        body=_body(line.on_task for line in lines),
        notes=notes,
        missing=missing,
        chart=_task_chart(ranked, label),
        y_title=label,
        past=past,
        of=False,
        columns=columns,
        without=Columns.of(standing).without,
    )


def _task_chips(ranked: Ranked, label: str, better: str) -> list[tuple[str, str]]:
    r = ranked.board.result
    chips = [("area", words.title(ranked.board.area)), ("metric", label), ("direction", better)]
    chips += [("unit", rows.name(r.unit))] if r.unit else []
    chips += [("likelihood", words.kind(r.likelihood)[0])] if r.likelihood else []
    return [*chips, ("looks", count(ranked.looked))]


def _task_lead(ranked: Ranked) -> str:
    leader, others = rows.first(ranked)
    if len(ranked.board.standings) == 1:
        text = f"{leader} stands alone here."
    elif others:
        text = f"{leader} leads, and {plural(others, 'other model')} may be first too."
    else:
        text = f"{leader} is first, surely."
    if ranked.optimism is not None and ranked.looked > 1:
        text += (
            f" {count(ranked.looked)} numbers were read of these samples: the best of so many may flatter by about "
            f"{short(float(f'{ranked.optimism:.2g}'))}."
        )
    if ranked.board.result.biased:
        text += " The metric is biased: its expectation differs from what it estimates by more than sampling error."
    return text


def _task_chart(ranked: Ranked, label: str) -> Any:
    board = ranked.board
    known = [s for s in board.standings if s.seconds]
    if len(known) < 2:
        return ""
    best = set(front([(float(s.seconds or 0), board.sign * float(s.result.value or 0)) for s in known]))
    points = [
        drawing.Point(rows.name(s.name), float(s.seconds or 0), float(s.result.value or 0), i in best)
        for i, s in enumerate(known)
    ]
    return drawing.pareto(points, "seconds for 1,000 samples", label)


def _model(found: Leaderboard, model: str, lines: list[Line], columns: Columns) -> str:
    failed = [
        (rows.name(r.board.name), shorten(r.board.failed[model], 200)) for r in found.boards if model in r.board.failed
    ]
    past = [
        {"name": rows.name(r.board.name), "when": p.created[:19].replace("T", " "), "number": p.value,
         "value": written(p.value), "interval": f"[{written(p.low)}, {written(p.high)}]", "run": rows.name(p.run)}
        for r, i in found.of(model) for p in r.board.standings[i].past
    ]  # fmt: skip
    chips = []
    for field, several in found.fields.items():
        for a in several:
            if model in a.models:
                k = a.models.index(model)
                said = f"{rows.place(int(a.rank[k]), int(a.low[k]), int(a.high[k]))} of {len(a.models)}"
                chips.append((rows.field_of(field) if field != OVERALL else "overall", said))
    asked = len({id(r) for r, _ in found.of(model)})
    areas = list(dict.fromkeys(line.area for line in lines))
    return rendered(
        "standings_page.html.j2",
        _data(lines, "model"),
        title=rows.name(model),
        chips=chips,
        heading="Its boards",
        lead=f"It stands on {count(asked)} of {plural(len(found.boards), 'board')}; places are among a board's models.",
        first="Task",
        filters=[(a, rows.field_of(a), sum(line.area == a for line in lines)) for a in areas] if len(areas) > 1 else [],
        body=_body(line.on_model for line in lines),
        notes=[],
        missing=failed,
        chart="",
        y_title="",
        past=past,
        of=True,
        columns=columns,
        without=Columns.of([r.board.standings[i] for r, i in found.of(model)]).without,
    )


def _body(rows: Iterable[str]) -> Markup:
    """Rows of a table, which were escaped where they were made."""
    from markupsafe import Markup

    return Markup("\n".join(rows))  # noqa: S704


def _data(lines: Sequence[Line], kind: str) -> dict[str, Any]:
    columns = (
        "name", "metric", "place", "place low", "place high", "value", "low", "high", "n", "seconds per 1000", "run",
    )  # fmt: skip
    other = 1 if kind == "task" else 0  # the page itself, which its table need not name
    table = [(*line.values[:other], *line.values[other + 1 :]) for line in lines]
    return coded_table(columns, table, file=f"{kind}.csv")
