"""`bench watch`: how far a run is, from another terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bench.watching import RunState


def command(
    run: Annotated[Path, typer.Argument(help="A run folder, as bench eval printed it.")],
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.1, help="How often to look.")] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line, whenever something changed.")
    ] = False,
) -> None:
    """Follow a run until it ends; the run is only read, and stopping this stops nothing else.

    Exits with 0 once the run is finished, 3 if nobody is at work on it any more.
    """
    from bench.errors import IncompleteError
    from bench.runners.folder import RunFolder
    from bench.watching import Tail, look

    tail, last = Tail(), None
    shown = 0
    while True:
        state = look(run, tail)
        if state != last:
            shown = _show(state, shown, as_json=as_json)
            last = state
        if state.finished:
            return
        if not state.written:
            raise IncompleteError(
                f"nobody is at work on '{run}'",
                cause=f"{state.done} of {len(state.cells)} cells are done, and no process holds the run",
                fix=RunFolder.open(run).resume_command,
            )
        time.sleep(every)


def _show(state: RunState, shown: int, *, as_json: bool) -> int:
    """Print a state, over the last one on a terminal; how many lines it took."""
    import dataclasses

    from bench.cli import output

    if as_json:
        output.emit({"done": state.done, **dataclasses.asdict(state)})
        return 0
    lines = [output.one_line(line) for line in state.as_lines()]
    if output.coloured(sys.stdout):
        width = max(20, _width())
        sys.stdout.write(f"\x1b[{shown}A\x1b[J" if shown else "")
        for line in lines:
            output.data(line[:width])
        return len(lines)
    output.data("; ".join(line.strip() for line in lines))
    return 0


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns - 1
