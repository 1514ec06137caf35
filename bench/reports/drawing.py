"""Static SVG of Vega-Lite specs, by vl-convert: slim, and fit to stand inline in a page."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.reports.charts import Spec
from bench.reports.view import Drawing

_EMPTY = re.compile(
    r'<path class="(?:background|foreground)" aria-hidden="true" d="[^"]*"[^>]*/>'
    r'|<text[^>]* opacity="0">[^<]*</text>'
)
_GEOMETRY = re.compile(r'(?<= )(d|transform|x|y|x2|y2|width|height|viewBox)="([^"<]*)"')
_DECIMALS = re.compile(r"(\d+\.\d{2})\d+")


def svg(specs: Sequence[Spec], prefix: str) -> list[Drawing]:
    """Static SVGs for inlining; identifiers begin with `prefix`, so that they are unique within a page."""
    import vl_convert

    return [Drawing.of(_slim(vl_convert.vegalite_to_svg(spec), f"{prefix}{i}"), spec) for i, spec in enumerate(specs)]


def _slim(text: str, prefix: str) -> str:
    """Drop what draws nothing, round coordinates to hundredths, make identifiers unique, let CSS set the size."""
    # Values of attributes hold no double quotes or "<", whatever the data: vega escapes them.
    text = _EMPTY.sub("", text)
    text = _GEOMETRY.sub(lambda m: _DECIMALS.sub(r"\1", m[0]), text)
    text = re.sub(r'(?<= )id="(clip|gradient_)(\d+)"', rf'id="{prefix}-\1\2"', text)
    text = re.sub(r"url\(#(clip|gradient_)(\d+)\)", rf"url(#{prefix}-\1\2)", text)
    numbers = dict.fromkeys(re.findall(rf'(?<= )id="({re.escape(prefix)}-[a-z_]+\d+)"', text))
    for i, name in enumerate(numbers):  # vega counts over the whole process; a page counts for itself
        text = text.replace(f'id="{name}"', f'id="{prefix}-{i}"').replace(f"url(#{name})", f"url(#{prefix}-{i})")
    text = re.sub(r' role="graphics-symbol" aria-roledescription="[a-z ]+"', ' role="img"', text)
    text = re.sub(r' role="graphics-object" aria-roledescription="[a-z ]+"', "", text)
    text = text.replace(' pointer-events="none"', "").replace(' opacity="1"', "")
    text = text.replace(' font-family="system-ui, sans-serif"', "")
    text = text.replace(' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"', "")
    width = re.match(r'<svg [^>]*width="(\d+)', text)
    widest = f' style="max-width:{round(1.28 * int(width[1]))}px"' if width else ""
    return text.replace('<svg version="1.1" class="marks"', f'<svg class="chart" role="group"{widest}', 1)
