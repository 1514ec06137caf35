"""`bench report`: make the report of a run again, from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="A run folder, as bench eval printed it.")],
    exported: Annotated[
        bool,
        typer.Option("--export", help="Also RUN/export: charts as SVG, PNG, PDF and Vega-Lite, LaTeX, Markdown."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on one line.")] = False,
) -> None:
    """Make report.md and report.html of a run again, without the model."""
    from bench.cli import output
    from bench.errors import EvaluationError
    from bench.reports.build import build
    from bench.runners.folder import RunFolder

    unreadable = build(RunFolder.open(run))
    paths = [run / "report.html", run / "report.md"]
    if exported:
        from bench.reports.export import export

        paths += export(RunFolder.open(run))
    for path in paths:
        if as_json:
            output.emit({"path": str(path)})
        else:
            output.data(str(path))
    if unreadable:
        cell, why = next(iter(unreadable.items()))
        raise EvaluationError(
            f"{len(unreadable)} cell(s) of the run cannot be read: {why}",
            cause=f"files of {cell} were damaged after they were written; the report was made without their charts",
            fix=f"bench eval --resume {run}",
        )
