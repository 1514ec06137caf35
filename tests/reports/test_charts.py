from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from lxml import etree  # type: ignore[import-untyped]

from bench.reports import charts, curves, drawing
from bench.reports.text import name
from tests.reports import synthetic
from tests.reports.synthetic import HOSTILE

GRID = np.linspace(0, 1, 20)


def forest(places: list[str], labels: list[str]) -> Any:
    rows = [
        {"place": p, "value": 0.5, "low": 0.4, "high": 0.6, "series": s, "label": f"{p}, {s}"}
        for p in places
        for s in labels
    ]
    return charts.points(rows, labels, "accuracy", (0, 1))


def specs(text: str = "a name") -> Iterator[Any]:
    record = synthetic.classification(1, n=100).split("test")
    bins = curves.reliability(record.confidence, record.correct)
    yield charts.reliability(bins, bins)
    yield charts.lines([charts.Line(text, GRID, GRID**2, area=True), charts.Line("b", GRID, GRID)], (text, text))
    yield charts.histogram(curves.pit(synthetic.gaussian(2, n=100)))
    yield forest([text, "other"], ["greedy", "sampled"])
    yield charts.stacked([{"place": text, "first": 0.4, "total": 0.6, "epistemic": 0.2, "label": text}], "nats")


def parsed(svg: str) -> Any:
    return etree.fromstring(svg.encode())


@pytest.mark.parametrize("hostile", [name(h) for h in HOSTILE])
def test_texts_are_data_in_every_chart(hostile: str) -> None:
    for svg in drawing.svg(list(specs(hostile)), "c"):
        for element in parsed(svg).iter():
            assert element.tag in {"svg", "g", "path", "line", "text", "defs", "clipPath", "rect", "title"}
            assert not [a for a in element.attrib if a.startswith("on") or "href" in a]


def test_charts_are_static_small_and_coloured_by_variables() -> None:
    for svg in drawing.svg(list(specs()), "c"):
        colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg))
        assert all(c in {"none", "transparent"} or c.startswith("var(--") for c in colours), colours
        assert len(svg) < 20_000
        assert "http" not in svg


def test_drawings_of_one_page_share_no_identifier_and_are_the_same_each_time() -> None:
    first, again, other = (drawing.svg(list(specs()), prefix) for prefix in ("p", "p", "q"))
    assert first == again
    ids = [i for svg in [*first, *other] for i in re.findall(r' id="([^"]+)"', svg)]
    assert len(ids) == len(set(ids)) > 0
    for svg in first:
        assert set(re.findall(r"url\(#([^)]+)\)", svg)) == set(re.findall(r' id="([^"]+)"', svg))


def test_marks_say_their_numbers_and_stand_where_they_say() -> None:
    bins = curves.reliability(np.full(8, 0.5), np.array([True] * 6 + [False] * 2))
    svg = parsed(drawing.svg([charts.reliability(bins, None, (150, 100))], "r")[0])
    (bar,) = [e for e in svg.iter("path") if (e.get("aria-label") or "").startswith("confidence")]
    assert "accuracy 0.750 [0.409, 0.929]" in bar.get("aria-label")
    assert bar.get("aria-label").endswith("n = 8")
    x, y, width, height = map(float, re.findall(r"-?[\d.]+", bar.get("d"))[:4])
    assert y == pytest.approx(25, abs=0.1)
    assert y + height == pytest.approx(100, abs=0.1)
    assert x + width / 2 == pytest.approx(75, abs=1)


def test_series_differ_by_more_than_colour() -> None:
    keys = charts.legend(["a", "b", "c", "d", "e", "f"])
    assert len({k.dash for k in keys}) == len({k.colour for k in keys}) == 6
    svg = drawing.svg([charts.lines([charts.Line("a", GRID, GRID), charts.Line("b", GRID, GRID)], ("x", "y"))], "c")[0]
    drawn = {e.get("aria-label"): e.get("stroke-dasharray") for e in parsed(svg).iter("path") if e.get("aria-label")}
    assert drawn == {"a": None, "b": "6,3"}
