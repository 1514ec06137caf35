"""What the pages of a leaderboard show, row by row, as plain values: names made visible, numbers written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from bench.leaderboard.aggregation import Aggregate
from bench.leaderboard.standings import Standing
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


@dataclass(frozen=True)
class Line:
    """A standing on a board, on the page of the task or of the model."""

    place: str
    sort: int
    name: str
    href: str
    value: str
    number: float
    interval: str
    span: tuple[float, float, float] | None
    n: str
    failed: str
    seconds: float | None
    cost: str
    tokens: str
    date: str
    trend: Markup
    title: str
    task: str = ""
    metric: str = ""
    area: str = ""
    of: int = 0


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


def place(rank: int, low: int, high: int) -> str:
    """`2 [1–4]`, or the place alone where it is sure."""
    return f"{rank} [{low}–{high}]"


def lines(ranked: Ranked, pages: Pages) -> list[Line]:
    """The standings of a board, best first."""
    board = ranked.board
    places = min((places_of(s.result) for s in board.standings), default=3)
    scale = ranked.scale
    return [_line(ranked, i, f"../{pages.models[board.standings[i].model]}", scale, places) for i in ranked.order]


def _line(ranked: Ranked, i: int, href: str, scale: tuple[float, float], places: int, *, task: bool = False) -> Line:
    board, p, s = ranked.board, ranked.places, ranked.board.standings[i]
    r = s.result
    own = max(places, places_of(r)) if places <= 4 else places
    return Line(
        place=place(int(p.rank[i]), int(p.low[i]), int(p.high[i])),
        sort=int(p.rank[i]),
        name=name(board.name if task else s.name),
        href=href,
        value=value_of(r, min(own, 6)),
        number=float(r.value or 0.0),
        interval=interval_of(r, min(own, 6)),
        span=_span(s, scale),
        n=f"{r.n:,}",
        failed=f"{r.n_failed:,} failed" if r.n_failed else "",
        seconds=s.seconds,
        cost=NONE if s.seconds is None else written(s.seconds, 1 if s.seconds < 100 else 0),
        tokens=NONE if s.tokens is None else written(s.tokens, 0),
        date=s.created[:10],
        trend=drawing.sparkline([*(past.value for past in s.past), float(r.value or 0.0)]),
        title=words.reason(r),
        metric=words.label(board.metric),
        area=board.field,
        of=len(board.standings),
    )


def of_model(found: Leaderboard, model: str, pages: Pages) -> list[Line]:
    """The boards that a model stands on."""
    at = {id(r): k for k, r in enumerate(found.boards)}
    return [
        _line(r, i, f"../{pages.boards[at[id(r)]]}", r.scale, places_of(r.board.standings[i].result), task=True)
        for r, i in found.of(model)
    ]


def _span(s: Standing, scale: tuple[float, float]) -> tuple[float, float, float] | None:
    r = s.result
    if r.value is None:
        return None
    width = scale[1] - scale[0]
    ends = (r.value, r.value if r.low is None else r.low, r.value if r.high is None else r.high)
    value, low, high = (round(2 + 120 * min(max((x - scale[0]) / width, 0.0), 1.0), 1) for x in ends)
    return value, low, high


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
                error=written(196 * float(a.error[k]), 1),
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
