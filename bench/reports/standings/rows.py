"""What the pages of a leaderboard show, row by row, as plain values: names made visible, numbers written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench.halves import each
from bench.leaderboard.aggregation import Aggregate
from bench.leaderboard.standings import Board, Standing
from bench.leaderboard.tables import Leaderboard, Ranked
from bench.reports import words
from bench.reports.numerals import NONE, interval_of, places_of, value_of, written
from bench.reports.standings import drawing
from bench.reports.text import shorten

if TYPE_CHECKING:
    from markupsafe import Markup

OTHERS = {
    "borda": ("Borda", "mean share of the other models that it beats, over its boards"),
    "bradley-terry": ("Bradley–Terry", "log-odds of beating an average model, by chances of being better; ± one s.e."),
    "thurstone": ("Thurstone", "the same with normal noise and a normal prior (Compare2Score's MAP)"),
    "additive": ("additive", "mean chance of being better, over all comparisons"),
    "greedy": ("greedy", "places by taking out the best again and again"),
    "pagerank": ("PageRank", "share of a walk from losers to winners"),
}  # fmt: skip


class Line(NamedTuple):
    """A standing on a board, for the page of its task and that of its model.

    first, model, task, cells: HTML, texts in it escaped: the cell of its place, left open; those that name the model
    and the task; those from its value on.  of: how many stand on the board.  values: what both tables say of it as
    data: name on the task's page, name on the model's, metric, place and its limits, value and ends of its interval, n,
    seconds, date.
    """

    area: str
    first: str
    of: int
    model: str
    task: str
    cells: str
    values: tuple[Any, ...]

    @property
    def on_task(self) -> str:
        """Its row on the page of the task."""
        return f"<tr>{self.first}</td>{self.model}{self.cells}</tr>"

    @property
    def on_model(self) -> str:
        """Its row on the page of the model."""
        of = f' <span class="none">of {self.of}</span></td>'
        return f'<tr data-area="{escaped(self.area)}">{self.first}{of}{self.task}{self.cells}</tr>'


@dataclass(frozen=True)
class Columns:
    """Which columns the site's tables have, or a page shows of them: rows are the same on all pages."""

    cost: bool
    tokens: bool
    trend: bool

    @staticmethod
    def of(every: Sequence[Standing]) -> Columns:
        """Those that any standing fills."""
        return Columns(
            cost=any(s.seconds is not None for s in every),
            tokens=any(s.tokens is not None for s in every),
            trend=any(s.past for s in every),
        )

    @property
    def without(self) -> str:
        """Classes of a table that hide what none of its rows fills."""
        return " no-tok" * (not self.tokens) + " no-past" * (not self.trend)


@dataclass(frozen=True)
class Pages:
    """File names by board and by model, unique and safe in any file system."""

    boards: tuple[str, ...]
    models: dict[str, str]

    @staticmethod
    def of(found: Leaderboard) -> Pages:
        """Numbered slugs."""
        boards = tuple(f"tasks/{i:03d}-{slug(r.board.name)}.html" for i, r in enumerate(found.boards))
        return Pages(boards, {m: f"models/{i:03d}-{slug(m)}.html" for i, m in enumerate(found.models)})


def slug(text: str) -> str:
    """Letters, digits and dashes, 48 at most."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:48].strip("-") or "x"


@lru_cache(maxsize=65536)
def name(text: str) -> str:
    """A name as pages show it."""
    return shorten(text, 60)


escaped = lru_cache(maxsize=65536)(escape)


def field_of(field: str) -> str:
    """A field as pages show it: its area, and the kind of likelihood."""
    area, _, kind = field.partition(", ")
    return words.title(area) + (f", {kind}" if kind else "")


def metric_of(board: Board) -> str:
    """A board's metric as people write it, and the score that it judges."""
    r = board.result
    return words.label(r.metric) + (f" of {name(r.score)}" if r.score else "")


def place(rank: int, low: int, high: int) -> str:
    """`2 [1–4]`, or the place alone where it is sure."""
    return f"{rank} [{low}–{high}]"


def lines(found: Leaderboard, pages: Pages, columns: Columns) -> list[list[Line]]:
    """The standings of every board, in the order in which the board holds them."""
    return each(
        lambda k: _board(found.boards[k], f"../{pages.boards[k]}", pages, columns),
        range(len(found.boards)),
        meanwhile=lambda: found.fields,  # every page needs them
    )


def _board(ranked: Ranked, href: str, pages: Pages, columns: Columns) -> list[Line]:
    board, p = ranked.board, ranked.places
    supported = [places_of(s.result) for s in board.standings]
    least = min(supported, default=3)
    task, metric, of = name(board.name), metric_of(board), len(board.standings)
    where = (
        f'<td class="name"><a href="{href}"><bdi>{escape(task)}</bdi></a></td><td>{escape(field_of(board.field))}</td>'
        f"<td>{escape(metric)}</td>"
    )
    held = zip(
        board.standings, supported, p.rank.tolist(), p.low.tolist(), p.high.tolist(), _drawn(ranked), strict=True
    )
    made = []
    for s, own, rank, low, high, drawn in held:
        places = min(max(least, own) if least <= 4 else least, 6)
        r, model = s.result, name(s.name)
        made.append(
            Line(
                area=board.field,
                first=f'<td class="num" data-s="{rank}">{place(rank, low, high)}',
                of=of,
                model=f'<td class="name"><a href="../{pages.models[r.model]}"><bdi>{escaped(model)}</bdi></a></td>',
                task=where,
                cells=_cells(s, value_of(r, places), drawn, interval_of(r, places), columns),
                values=(model, task, metric, rank, low, high, r.value, r.low, r.high, r.n, s.seconds, s.created[:10]),
            )
        )
    return made


def _cells(s: Standing, value: str, drawn: str, interval: str, columns: Columns) -> str:
    """Cells of a row from its value on, as HTML.  Numbers apart, all that enters is escaped here."""
    r = s.result
    number, reason = f"{r.value or 0.0:.7g}", _reason(words.reason(r))
    failed = f'<span class="badge failed">{r.n_failed:,} failed</span>' if r.n_failed else ""
    html = (
        f'<td class="num" data-s="{number}" title="{reason}">{value}</td><td data-s="{number}">{drawn}</td>'
        f'<td class="num">{interval}</td><td class="num" data-s="{r.n}">{r.n:,}{failed}</td>'
    )
    if columns.cost:
        cost = NONE if s.seconds is None else written(s.seconds, 0 if s.seconds >= 10 else 1 if s.seconds >= 1 else 3)
        html += f'<td class="num" data-s="{"" if s.seconds is None else f"{s.seconds:.4g}"}">{cost}</td>'
    if columns.tokens:
        tokens = NONE if s.tokens is None else written(s.tokens, 0)
        html += f'<td class="num tok" data-s="{"" if s.tokens is None else f"{s.tokens:.4g}"}">{tokens}</td>'
    if columns.trend:
        html += (
            f'<td class="past">{drawing.sparkline([*(p.value for p in s.past), r.value or 0.0]) if s.past else ""}</td>'
        )
    return f"{html}<td>{escaped(name(s.created[:10]))}</td>"


@lru_cache(maxsize=4096)
def _reason(text: str) -> str:
    return escape(shorten(text, 200))


def _drawn(ranked: Ranked) -> list[str]:
    """Each standing's interval on the board's common scale."""
    low, high = ranked.scale
    results = [s.result for s in ranked.board.standings]
    ends = [[r.value, r.value if r.low is None else r.low, r.value if r.high is None else r.high] for r in results]
    at = np.round(2 + 120 * np.clip((np.array(ends, dtype=np.float64) - low) / (high - low), 0.0, 1.0), 1).tolist()
    return [_DRAWN.format(*places) if r.value is not None else "" for r, places in zip(results, at, strict=True)]


_DRAWN = (
    '<svg class="bar" viewBox="0 0 124 16" aria-hidden="true"><path class="rail" d="M2 8h120"/><path class="span" '
    'd="M{1} 8H{2}"/><circle cx="{0}" cy="8" r="3.6"/></svg>'
)


@dataclass(frozen=True)
class Total:
    """A model in an aggregate.  shares: its mean in each field, as text, number and depth of shade."""

    place: str
    sort: int
    name: str
    href: str
    value: str
    number: float
    error: str
    coverage: str
    covered: int
    others: tuple[tuple[str, float], ...]
    shares: tuple[tuple[str, float | None, float], ...] = ()
    trend: Markup | str = ""


def totals(a: Aggregate, pages: Pages, fields: Sequence[str], means: dict[str, dict[str, float]]) -> list[Total]:
    """The models of an aggregate, best first; numbers in per cent."""
    shade = {f: _shades([means[f][m] for m in a.models if m in means.get(f, {})]) for f in fields}
    found = []
    for k, model in enumerate(a.models):
        shares = []
        for f in fields:
            value = means.get(f, {}).get(model)
            low, high = shade[f]
            depth = 0.0 if value is None else (value - low) / (high - low) if high > low else 0.5
            shares.append((NONE if value is None else written(100 * value, 1), value, round(depth, 2)))
        rating = f"{written(float(a.others['bradley-terry'][k]), 2)} ± {written(float(a.bradley_terry_errors[k]), 2)}"
        others = [
            (rating if key == "bradley-terry" else _other(key, float(v[k])), float(v[k])) for key, v in a.others.items()
        ]
        found.append(
            Total(
                place=place(int(a.rank[k]), int(a.low[k]), int(a.high[k])),
                sort=int(a.rank[k]),
                name=name(model),
                href=pages.models[model],
                value=written(100 * float(a.value[k]), 1),
                number=float(a.value[k]),
                error=written(100 * float(a.half[k]), 1),
                coverage=f"{int(a.coverage[k])} / {len(a.boards)}",
                covered=int(a.coverage[k]),
                others=tuple(others),
                shares=tuple(shares),
            )
        )
    return found


def _other(key: str, value: float) -> str:
    return written(
        value, 0 if key == "greedy" else 3 if key in {"borda", "additive"} else 2 if key == "thurstone" else 4
    )


def _shades(values: Iterable[float]) -> tuple[float, float]:
    listed = list(values)
    return (float(np.min(listed)), float(np.max(listed))) if listed else (0.0, 0.0)


def first(ranked: Ranked) -> tuple[str, int]:
    """Who may be first on a board: the leader's name, and how many others may be too."""
    board, p = ranked.board, ranked.places
    may = [i for i in ranked.order if int(p.low[i]) == 1]
    return name(board.standings[ranked.order[0]].name), len(may) - 1
