"""report.html: one self-contained file.  No network, no script but its own, every text escaped by jinja2."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.reports import table
from bench.reports.numerals import count
from bench.reports.page import Page, manifest_grid
from bench.reports.sections.samples import KINDS
from bench.reports.text import csv_cell, script_json
from bench.results import Result

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page, results: Sequence[Result]) -> str:
    """The report as one HTML text."""
    data = _data(results)
    return rendered(
        "report.html.j2",
        data,
        page=page,
        manifest_grid=manifest_grid,
        sample_kinds=[(key, title) for key, (title, _) in KINDS.items()],
        columns=table.COLUMNS,
        coded=data["coded"],
        count=count(len(results)),
    )


def rendered(template: str, data: Mapping[str, Any], **context: Any) -> str:
    """A template of this folder as one self-contained page; `data` is the table behind its CSV button."""
    from markupsafe import Markup

    style, script, digest = _own()
    # The only three texts that are not escaped: our own style and script, and JSON without "<", ">" or "&".
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            data=Markup(script_json(data)),  # noqa: S704
            policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
            "base-uri 'none'; form-action 'none'",
            drawing=_drawing,
            version=__version__,
            **context,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _own() -> tuple[str, str, str]:
    """Our own style and script, and the script's digest for the page's policy."""
    script = (TEMPLATES / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (TEMPLATES / "report.css").read_text("utf-8"), script, digest


def _drawing(svg: str) -> str:
    """An SVG that `drawing.svg` made: vega escaped what it was given."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704


def _data(results: Sequence[Result]) -> dict[str, Any]:
    rows = [[float(f"{x:.6g}") if isinstance(x, float) else x for x in row] for row in table.rows(results)]
    return coded_table(table.COLUMNS, rows)


def coded_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, file: str = "results.csv") -> dict[str, Any]:
    """A table for the page's script.  Columns of text are coded by position in `texts`, each defused for CSV."""
    held = list(zip(*rows, strict=True)) or [()] * len(columns)
    coded = [any(issubclass(kind, str) for kind in set(map(type, column))) for column in held]
    position: dict[str, int] = {}
    told: list[Sequence[Any]] = []
    for is_text, column in zip(coded, held, strict=True):
        if is_text:
            # Each text once; 1 and True are equal, and so told apart by what they are written as.
            code = {
                v: position.setdefault(csv_cell(v), len(position)) for v in dict.fromkeys(column) if isinstance(v, str)
            }
            told.append([code[v] if v in code else position.setdefault(csv_cell(v), len(position)) for v in column])
        else:
            told.append(column)
    table = list(zip(*told, strict=True))
    return {"columns": columns, "coded": coded, "texts": list(position), "rows": table, "file": file}
