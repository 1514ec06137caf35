"""`bench check`: hold bench itself against cases whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    areas: Annotated[
        list[str] | None, typer.Argument(help="likelihood, calibration, ood, uncertainty, reasoning, general.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="NAME", help="Only the check of that name.")
    ] = None,
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", metavar="FILE", help="A file with checks of your own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Run the known-truth checks: every estimator against a case whose answer is known.

    Exits with 5 if a check fails: then a number that bench prints may be wrong.
    """
    from bench.checking import run, select
    from bench.cli import output
    from bench.errors import ExitCode
    from bench.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)
    failed = number = 0
    for outcome in run(select(areas or [], name or [])):
        number += 1
        failed += not outcome.passed
        if as_json:
            output.emit(outcome.as_json())
        else:
            output.data(outcome.as_text())
    output.note(f"{number - failed} of {number} checks passed")
    if failed:
        raise typer.Exit(ExitCode.FAILED)
