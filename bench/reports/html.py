"""report.html: one self-contained file.  No network, no script but its own, every text escaped by jinja2."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import __version__
from bench.reports import table
from bench.reports.numerals import count
from bench.reports.page import Page, manifest_grid
from bench.reports.text import csv_cell, script_json
from bench.results import Result

TEMPLATES = Path(__file__).parent / "templates"


def render(page: Page, results: Sequence[Result]) -> str:
    """The report as one HTML text."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "report.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    data = _data(results)
    # The only three texts that are not escaped: our own style and script, and JSON without "<", ">" or "&".
    return environment.get_template("report.html.j2").render(
        page=page,
        style=Markup((TEMPLATES / "report.css").read_text("utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        data=Markup(script_json(data)),  # noqa: S704
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        drawing=_drawing,
        manifest_grid=manifest_grid,
        columns=table.COLUMNS,
        coded=data["coded"],
        count=count(len(results)),
        version=__version__,
    )


def _drawing(svg: str) -> str:
    """An SVG that `charts.svg` made: vega escaped what it was given."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704


def _data(results: Sequence[Result]) -> dict[str, Any]:
    """The table for the page's script.  Columns of text are coded by position in `texts`, each defused for CSV."""
    rows = table.rows(results)
    coded = [any(isinstance(row[i], str) for row in rows) for i in range(len(table.COLUMNS))]
    position: dict[str, int] = {}
    for row in rows:
        for i, is_text in enumerate(coded):
            if is_text:
                row[i] = position.setdefault(csv_cell(row[i]), len(position))
    return {"columns": table.COLUMNS, "coded": coded, "texts": list(position), "rows": rows}
