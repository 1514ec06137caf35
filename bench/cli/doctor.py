"""`bench doctor`: is this machine ready?"""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Look at versions, device, free space, folders, suites and optional packages.

    Exits with 5 if something would stop a run.
    """
    from bench.cli import output
    from bench.config import resolve
    from bench.diagnosis import findings
    from bench.errors import ExitCode

    sound = True
    found = []
    for finding in findings(resolve({}).out):
        sound &= finding.ok
        found.append(finding)
        if as_json:
            output.emit(vars(finding))
    if not as_json:
        rows = [["ok" if f.ok else "PROBLEM", f.topic, f.name, f.value, f.fix] for f in found]
        output.table(rows, ["", "topic", "name", "found", "to do"])
    if not sound:
        raise typer.Exit(ExitCode.FAILED)
