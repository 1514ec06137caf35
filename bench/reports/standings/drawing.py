"""Small drawings of the leaderboard, made by hand: hundreds of pages have no time for a charting engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from bench.reports.numerals import decimals, short, written

if TYPE_CHECKING:
    from markupsafe import Markup

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 300, 62, 40, 12, 120


@dataclass(frozen=True)
class Point:
    """A model in a cost chart.  on_front: no other is better for as little."""

    name: str
    cost: float
    value: float
    on_front: bool


def sparkline(values: Sequence[float]) -> Markup:
    """A line of values over time, 64 × 18; nothing for fewer than two."""
    from markupsafe import Markup

    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    at = [(2 + 60 * i / (len(values) - 1), 15 - 12 * (v - low) / span) for i, v in enumerate(values)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    x, y = at[-1]
    return Markup(  # noqa: S704 - numbers alone
        f'<svg class="spark" viewBox="0 0 64 18" aria-hidden="true"><path d="M{path}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/></svg>'
    )


def pareto(points: Sequence[Point], x_title: str, y_title: str) -> Markup:
    """Cost (logarithmic) against value, the front as a stepped line; marks say their values for tooltips."""
    from markupsafe import Markup

    costs = [math.log10(p.cost) for p in points]
    values = [p.value for p in points]
    x0, x1 = _spread(min(costs), max(costs))
    y0, y1 = _spread(min(values), max(values))
    wide, tall = (WIDTH - LEFT - RIGHT) / (x1 - x0), (HEIGHT - TOP - BOTTOM) / (y1 - y0)
    at = [(LEFT + (x - x0) * wide, TOP + (y1 - y) * tall) for x, y in zip(costs, values, strict=True)]
    x_title, y_title = escape(x_title), escape(y_title)
    box = f'style="max-width:640px" viewBox="0 0 {WIDTH} {HEIGHT}"'
    parts = [f'<svg class="chart" role="group" {box} aria-label="{y_title} against {x_title}">']
    for y in _ticks(y0, y1):
        up = TOP + (y1 - y) * tall
        parts.append(
            f'<path class="grid" d="M{LEFT} {up:.1f}H{WIDTH - RIGHT}"/><text x="{LEFT - 6}" y="{up + 4:.1f}" '
            f'class="end">{short(y)}</text>'
        )
    for cost in _decades(x0, x1):
        across = LEFT + (math.log10(cost) - x0) * wide
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - 22}" class="mid">{short(cost)}</text>')
    middle = (WIDTH - RIGHT + LEFT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 4}" class="mid">{x_title}</text>')
    ahead = sorted(xy for p, xy in zip(points, at, strict=True) if p.on_front)
    steps = "".join(f"H{x:.1f}V{y:.1f}" if i else f"M{x:.1f} {y:.1f}" for i, (x, y) in enumerate(ahead))
    parts.append(f'<path class="front" d="{steps}"/>')
    taken: list[float] = []
    places = decimals(y1 - y0)
    for p, (x, y) in sorted(zip(points, at, strict=True), key=lambda pair: pair[0].on_front):
        name, front = _escaped(p.name), ", on the front" * p.on_front
        kind, radius = ("on", 4.6) if p.on_front else ("off", 3.4)
        parts.append(
            f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" role="img" aria-label="{name}: {y_title} '
            f'{written(p.value, places)}, {x_title} {written(p.cost)}{front}"/>'
        )
        if (p.on_front or len(points) <= 12) and len(taken) < 12 and all(abs(y - t) > 11 for t in taken):
            taken.append(y)
            parts.append(f'<text class="named" x="{x + 8:.1f}" y="{y + 4:.1f}">{escape(p.name[:26])}</text>')
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704 - numbers, and texts escaped above


_escaped = lru_cache(maxsize=65536)(escape)


def _ticks(low: float, high: float) -> list[float]:
    """Two to five round numbers between the ends."""
    step = 10.0 ** math.floor(math.log10((high - low) / 5))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (m * step) <= 5)
    return [k * step for k in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Round numbers between powers of ten: 1, 2 and 5 in each, or 1 alone, or what fits between two near ends."""
    for marks in ((1, 2, 5), (1,)):
        found = [m * 10.0**k for k in range(math.floor(low), math.ceil(high) + 1) for m in marks]
        found = [cost for cost in found if low <= math.log10(cost) <= high]
        if len(found) <= 7:
            break
    return found[:: -(-len(found) // 7)] if len(found) > 1 else _ticks(10**low, 10**high)


def _spread(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low) or abs(low) * 0.05 or 0.5
    return low - margin, high + margin
