"""Charts: Vega-Lite specs as plain dicts, which `drawing` makes into static SVG.

Colours are CSS variables (`var(--c1)`), so that one drawing serves light and dark.  Every mark carries its values in
words as `aria-label`, from which the page makes tooltips.  Field names are fixed; texts from outside are data only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.reports import curves
from bench.reports.numerals import written
from bench.reports.view import Key

Spec = dict[str, Any]
COLOURS: tuple[str, ...] = tuple(f"var(--c{i})" for i in range(1, 7))
DASHES: tuple[tuple[int, ...], ...] = ((), (6, 3), (2, 2), (8, 3, 2, 3), (4, 2), (1, 3))
SHAPES: tuple[str, ...] = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down")
WIDE, SMALL = (340, 210), (225, 165)

_INK, _MUTED, _LINE = "var(--ink)", "var(--muted)", "var(--line)"
_CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _MUTED, "titleColor": _MUTED, "gridColor": _LINE, "domainColor": _LINE, "tickColor": _LINE,
        "labelFontSize": 10.5, "titleFontSize": 11, "titleFontWeight": "normal", "tickCount": 5, "titlePadding": 6,
        "labelOverlap": True, "labelFlush": False, "tickSize": 3,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One curve of a chart: points (k,), and the name that its tooltip and its legend entry bear.

    area: whether what is beneath is shaded.  band: lower and upper ends to shade between, (k,) each.
    """

    label: str
    x: Float64s
    y: Float64s
    area: bool = False
    band: tuple[Float64s, Float64s] | None = None


def legend(labels: Sequence[str], shape: str = "line") -> tuple[Key, ...]:
    """Legend entries in the order and style in which `lines` draws its curves."""
    return tuple(
        Key(label, COLOURS[i % len(COLOURS)], " ".join(map(str, DASHES[i % len(DASHES)])), shape, i)
        for i, label in enumerate(labels)
    )


def lines(
    series: Sequence[Line],
    titles: tuple[str, str],
    *,
    domain: tuple[tuple[float, float] | None, tuple[float, float] | None] = (None, None),
    diagonal: bool = False,
    band: float = 0.0,
    size: tuple[int, int] = WIDE,
) -> Spec:
    """Curves over a common pair of axes, told apart by colour and dash; behind them `diagonal` draws y = x.

    band: half the height of a shade about y = 0.
    """
    x, y = (_axis(name, title, limits) for name, title, limits in zip("xy", titles, domain, strict=True))
    layers: list[Spec] = []
    if band:
        layers.append(
            {
                "data": {"values": [{"low": -band, "high": band}]},
                "mark": {"type": "rect", "color": _MUTED, "opacity": 0.16, "aria": False},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}},
            }
        )
    if diagonal:
        layers.append(_diagonal(x, y))
    for i, line in enumerate(series):
        colour, dash = COLOURS[i % len(COLOURS)], list(DASHES[i % len(DASHES)])
        points = [{"x": _num(a), "y": _num(b)} for a, b in zip(line.x, line.y, strict=True)]
        mark: Spec = {"type": "line", "color": colour, "strokeWidth": 2, "clip": True, "description": line.label}
        if dash:
            mark["strokeDash"] = dash
        if line.area:
            layers.append(
                {
                    "data": {"values": points},
                    "mark": {"type": "area", "color": colour, "opacity": 0.16, "clip": True, "aria": False},
                    "encoding": {"x": x, "y": y},
                }
            )
        if line.band is not None:
            ends = zip(line.x, *line.band, strict=True)
            layers.append(
                {
                    "data": {"values": [{"x": _num(a), "low": _num(b), "high": _num(c)} for a, b, c in ends]},
                    "mark": {"type": "area", "color": colour, "opacity": 0.13, "clip": True, "aria": False},
                    "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
                }
            )
        layers.append({"data": {"values": points}, "mark": mark, "encoding": {"x": x, "y": y}})
    return _chart(layers, size)


def scatter(
    dots: tuple[Float64s, Float64s],
    line: tuple[Float64s, Float64s],
    titles: tuple[str, str],
    domain: tuple[tuple[float, float], tuple[float, float]],
    size: tuple[int, int] = SMALL,
) -> Spec:
    """Points (n,), a curve (k,) through them with its points marked, and the diagonal."""
    x, y = (_axis(name, title, limits) for name, title, limits in zip("xy", titles, domain, strict=True))

    def values(columns: tuple[Float64s, Float64s], what: str) -> Spec:
        rows = [
            {"x": _num(a), "y": _num(b), "label": f"{what}: {titles[0]} {written(a, 3)}, {titles[1]} {written(b, 3)}"}
            for a, b in zip(*columns, strict=True)
        ]
        return {"values": rows}

    marked = {"type": "line", "color": "var(--c2)", "strokeWidth": 2, "clip": True, "aria": False}
    layers: list[Spec] = [
        _diagonal(x, y, min(domain[0][1], domain[1][1])),
        {
            "data": values(dots, "sample"),
            "mark": {
                "type": "point", "filled": True, "size": 11, "color": "var(--c1)", "opacity": 0.4, "clip": True,
                "aria": False,
            },
            "encoding": {"x": x, "y": y},
        },
        {"data": values(line, "bin"), "mark": marked, "encoding": {"x": x, "y": y}},
        {
            "data": values(line, "bin"),
            "mark": {"type": "point", "filled": True, "size": 34, "color": "var(--c2)", "clip": True, "opacity": 1},
            "encoding": {"x": x, "y": y, "description": {"field": "label"}},
        },
    ]  # fmt: skip
    return _chart(layers, size)


def reliability(raw: curves.Reliability, calibrated: curves.Reliability | None, size: tuple[int, int] = SMALL) -> Spec:
    """Bars of accuracy over bins of confidence with Wilson intervals; the calibrated model's as points; the diagonal.

    The more answers a bin holds, the darker its bar.
    """
    x, y = _axis("left", "confidence", (0, 1)), _axis("accuracy", "accuracy", (0, 1))
    bars = _bins(raw, "")
    weight = np.sqrt(raw.count / max(raw.count.max(initial=1), 1))
    bars = [{**bar, "opacity": _num(0.3 + 0.65 * share)} for bar, share in zip(bars, weight, strict=True)]
    layers: list[Spec] = [
        {
            "data": {"values": bars},
            "mark": {"type": "bar", "color": "var(--c1)", "binSpacing": 1.5},
            "encoding": {
                "x": x,
                "x2": {"field": "right"},
                "y": y,
                "y2": {"datum": 0},
                "description": {"field": "label"},
                "opacity": {"field": "opacity", "type": "quantitative", "scale": None, "legend": None},
            },
        },
        _diagonal({**x, "field": "x"}, {**y, "field": "y"}),
        {
            "data": {"values": bars},
            "mark": {"type": "rule", "color": _INK, "strokeWidth": 1.2, "aria": False},
            "encoding": {"x": {**x, "field": "middle"}, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
    ]
    if calibrated is not None:
        points = _bins(calibrated, "calibrated, ")
        at = {**x, "field": "mean"}
        layers += [
            {
                "data": {"values": points},
                "mark": {"type": "rule", "color": "var(--c2)", "strokeWidth": 1.2, "aria": False},
                "encoding": {"x": at, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
            },
            {
                "data": {"values": points},
                "mark": {
                    "type": "point", "shape": "diamond", "filled": True, "size": 34, "color": "var(--c2)",
                    "stroke": "var(--card)", "strokeWidth": 1,
                },
                "encoding": {"x": at, "y": y, "description": {"field": "label"}},
            },
        ]  # fmt: skip
    return _chart(layers, size)


def histogram(pit: curves.Pit, size: tuple[int, int] = SMALL) -> Spec:
    """Observed over expected frequency in each bin of the PIT, the band of chance, and the line at 1."""
    top = float(max(pit.ratio.max(initial=1), pit.high.max(initial=1))) * 1.08
    x, y = _axis("left", "probability integral transform", (0, 1)), _axis("ratio", "observed ÷ expected", (0, top))
    rows = [
        {
            "left": _num(a), "right": _num(b), "ratio": _num(r), "low": _num(low), "high": _num(high), "one": 1,
            "label": f"PIT {written(a, 2)} to {written(b, 2)}: {n} samples, {written(r, 2)} times the expected "
            f"(chance: {written(low, 2)} to {written(high, 2)})",
        }
        for a, b, n, r, low, high in zip(pit.left, pit.right, pit.count, pit.ratio, pit.low, pit.high, strict=True)
    ]  # fmt: skip
    across = {"x": x, "x2": {"field": "right"}}
    edge: Spec = {"type": "rule", "color": "var(--c2)", "strokeWidth": 1.2, "aria": False}
    layers: list[Spec] = [
        {
            "mark": {"type": "rect", "color": "var(--c2)", "opacity": 0.16, "aria": False},
            "encoding": {**across, "y": {**y, "field": "low"}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "bar", "color": "var(--c1)", "opacity": 0.75, "binSpacing": 1.5},
            "encoding": {**across, "y": y, "y2": {"datum": 0}, "description": {"field": "label"}},
        },
        {"mark": edge, "encoding": {**across, "y": {**y, "field": "low"}}},
        {"mark": edge, "encoding": {**across, "y": {**y, "field": "high"}}},
        {
            "mark": {**edge, "color": _INK, "strokeDash": [4, 3]},
            "encoding": {**across, "y": {**y, "field": "one"}},
        },
    ]
    return {**_chart(layers, size), "data": {"values": rows}}


def points(
    rows: Sequence[Mapping[str, Any]], labels: Sequence[str], title: str, domain: tuple[float, float] | None
) -> Spec:
    """A forest: one line a row (`place`, `value`, `low`, `high`, `series`, `label`), one style a series."""
    places = list(dict.fromkeys(str(r["place"]) for r in rows))
    x = _axis("value", title, domain)
    own: Spec = {
        "y": {**_places(places), "scale": {"paddingInner": 0.3, "paddingOuter": 0.15}},
        "yOffset": {"field": "series", "type": "nominal", "sort": list(labels)},
        "color": _styles(labels, COLOURS),
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2, "aria": False},
            "encoding": {**own, "x": {**x, "field": "low"}, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 58, "opacity": 1},
            "encoding": {**own, "x": x, "shape": _styles(labels, SHAPES), "description": {"field": "label"}},
        },
    ]
    chart = _chart(layers, (_beside(places), max(56, len(places) * (14 + 13 * len(labels)))))
    return {**chart, "data": {"values": [dict(r) for r in rows]}}


def frontier(rows: Sequence[Mapping[str, Any]], titles: tuple[str, str]) -> Spec:
    """Values (`value`, `low`, `high`) over costs (`cost`, log scale); those of the `front` are blue and named."""
    x = {**_axis("cost", titles[0], None), "scale": {"type": "log", "nice": True}}
    y = _axis("value", titles[1], (0, 1))
    colour = {"condition": {"test": "datum.front", "value": "var(--c1)"}, "value": _MUTED}
    layers: list[Spec] = [
        {
            "mark": {"type": "rule", "strokeWidth": 1.4, "opacity": 0.6, "aria": False},
            "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
        },
        {
            "transform": [{"filter": "datum.front"}],
            "mark": {"type": "line", "interpolate": "step-after", "color": "var(--c1)", "opacity": 0.5, "aria": False},
            "encoding": {"x": x, "y": y},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 58, "opacity": 1},
            "encoding": {"x": x, "y": y, "color": colour, "description": {"field": "label"}},
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "dy": -7, "fontSize": 10, "color": _INK, "aria": False},
            "encoding": {"x": x, "y": y, "text": {"field": "name"}},
        },
    ]
    return {**_chart(layers, FRONTIER), "data": {"values": [dict(r) for r in rows]}}


FRONTIER = (620, 300)


def _styles(labels: Sequence[str], styles: Sequence[str]) -> Spec:
    """An encoding that gives each series its own style, in order."""
    scale = {"domain": list(labels), "range": [styles[i % len(styles)] for i in range(len(labels))]}
    return {"field": "series", "type": "nominal", "scale": scale, "legend": None}


_LETTER, _LONGEST = 6.8, 185


def _places(places: Sequence[str]) -> Spec:
    """A vertical axis of names.  Room is left by their length: the reader's font may be wider than the renderer's."""
    room = min(_LETTER * max(map(len, places), default=0), _LONGEST)
    axis = {"labelLimit": _LONGEST, "minExtent": room + 4, "labelColor": _INK, "grid": False, "titlePadding": 0}
    return {"field": "place", "type": "nominal", "sort": list(places), "title": None, "axis": axis}


def _beside(places: Sequence[str]) -> int:
    """The width that names leave for a drawing."""
    return int(WIDE[0] + 30 - min(_LETTER * max(map(len, places), default=0), _LONGEST))


def stacked(rows: Sequence[Mapping[str, Any]], title: str) -> Spec:
    """Stacked bars: one a `place`, parts `aleatoric` (from 0 to `first`) and `epistemic` (on to `total`)."""
    x = {**_axis("first", title, None), "axis": {"title": title}}
    places = [str(r["place"]) for r in rows]
    y = _places(places)
    values = {"values": [dict(r) for r in rows]}
    height = {"type": "bar", "height": {"band": 0.62}}
    layers: list[Spec] = [
        {
            "data": values,
            "mark": {**height, "color": "var(--c1)", "opacity": 0.85},
            "encoding": {"x": x, "x2": {"datum": 0}, "y": y, "description": {"field": "label"}},
        },
        {
            "data": values,
            "mark": {**height, "color": "var(--c2)"},
            "encoding": {"x": x, "x2": {"field": "total"}, "y": y, "description": {"field": "label"}},
        },
    ]
    return _chart(layers, (_beside(places), max(56, 28 * len(rows))))


def _chart(layers: list[Spec], size: tuple[int, int]) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": size[0],
        "height": size[1],
        "background": None,
        "padding": 2,
        "config": _CONFIG,
        "layer": layers,
    }


def _axis(field: str, title: str, limits: tuple[float, float] | None) -> Spec:
    scale: Spec = {"zero": False, "nice": limits is None}
    if limits is not None:
        scale["domain"] = [_num(limits[0]), _num(limits[1])]
    return {"field": field, "type": "quantitative", "title": title, "scale": scale}


def _diagonal(x: Spec, y: Spec, top: float = 1.0) -> Spec:
    return {
        "data": {"values": [{x["field"]: 0, y["field"]: 0}, {x["field"]: _num(top), y["field"]: _num(top)}]},
        "mark": {"type": "line", "color": _MUTED, "strokeDash": [4, 3], "strokeWidth": 1.3, "aria": False},
        "encoding": {"x": x, "y": y},
    }


def _bins(r: curves.Reliability, prefix: str) -> list[Spec]:
    columns = zip(r.left, r.right, r.confidence, r.accuracy, r.low, r.high, r.count, strict=True)
    return [
        {
            "left": _num(left), "right": _num(right), "middle": _num((left + right) / 2), "mean": _num(mean),
            "accuracy": _num(accuracy), "low": _num(low), "high": _num(high),
            "label": f"{prefix}confidence {written(left, 2)} to {written(right, 2)}: accuracy {written(accuracy, 3)} "
            f"[{written(low, 3)}, {written(high, 3)}], mean confidence {written(mean, 3)}, n = {n:,}",
        }
        for left, right, mean, accuracy, low, high, n in columns
    ]  # fmt: skip


def _num(value: Any) -> float | None:
    """A number that JSON can hold, short enough not to swell the page."""
    number = float(value)
    return float(f"{number:.5g}") if np.isfinite(number) else None
