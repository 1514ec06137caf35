"""Small drawings of the leaderboard, made by hand: hundreds of pages have no time for a charting engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.reports.numerals import written

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
    from markupsafe import Markup, escape

    costs = [math.log10(p.cost) for p in points]
    values = [p.value for p in points]
    x0, x1 = _spread(min(costs), max(costs))
    y0, y1 = _spread(min(values), max(values))

    def place(p: Point) -> tuple[float, float]:
        x = LEFT + (math.log10(p.cost) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
        share = (p.value - y0) / (y1 - y0)
        return x, TOP + (1 - share) * (HEIGHT - TOP - BOTTOM)

    parts = [
        Markup(
            '<svg class="chart" role="group" style="max-width:640px" viewBox="0 0 {} {}" aria-label="{} against {}">'
        ).format(WIDTH, HEIGHT, y_title, x_title)
    ]
    for k in range(5):
        y = TOP + k / 4 * (HEIGHT - TOP - BOTTOM)
        label = f"{y1 - k / 4 * (y1 - y0):.3g}"
        parts.append(
            Markup('<path class="grid" d="M{} {:.1f}H{}"/><text x="{}" y="{:.1f}" class="end">{}</text>').format(
                LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, label
            )
        )
        x = LEFT + k / 4 * (WIDTH - LEFT - RIGHT)
        cost = f"{10 ** (x0 + k / 4 * (x1 - x0)):.2g}"
        parts.append(Markup('<text x="{:.1f}" y="{}" class="mid">{}</text>').format(x, HEIGHT - 22, cost))
    title_at = (WIDTH - RIGHT + LEFT) / 2
    parts.append(Markup('<text x="{}" y="{}" class="mid">{}</text>').format(title_at, HEIGHT - 4, x_title))
    ahead = sorted(place(p) for p in points if p.on_front)
    steps = "".join(f"H{x:.1f}V{y:.1f}" if i else f"M{x:.1f} {y:.1f}" for i, (x, y) in enumerate(ahead))
    parts.append(Markup('<path class="front" d="{}"/>').format(steps))
    taken: list[float] = []
    for p in sorted(points, key=lambda p: p.on_front):
        x, y = place(p)
        said = f"{p.name}: {y_title} {written(p.value)}, {x_title} {written(p.cost)}{', on the front' * p.on_front}"
        kind, radius = ("on", 4.6) if p.on_front else ("off", 3.4)
        mark = f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}" role="img" aria-label="{escape(said)}"/>'
        parts.append(Markup(mark))  # noqa: S704 - escaped
        if p.on_front and len(taken) < 12 and all(abs(y - t) > 11 for t in taken):
            taken.append(y)
            parts.append(Markup('<text x="{:.1f}" y="{:.1f}">{}</text>').format(x + 8, y + 4, p.name[:26]))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _spread(low: float, high: float) -> tuple[float, float]:
    margin = 0.06 * (high - low) or abs(low) * 0.05 or 0.5
    return low - margin, high + margin
