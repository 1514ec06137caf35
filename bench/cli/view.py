"""`bench view`: open the report of a run in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    run: Annotated[Path, typer.Argument(help="A run folder, or a folder with a leaderboard or a gate's page.")],
    port: Annotated[
        int | None, typer.Option("--port", metavar="N", help="Serve it on this machine's loopback; 0: any free port.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--no-browser", help="Print the address, and open nothing.")] = False,
) -> None:
    """Open a report. Nothing listens on a port unless one is asked for, and then on 127.0.0.1 alone."""
    from bench.cli import output
    from bench.viewing import address, page, serving

    found = page(run)
    if port is None:
        output.data(found.resolve().as_uri())
        if not quiet:
            _open(found.resolve().as_uri())
        return
    with serving(found.parent, port) as server:
        url = address(server, found.name)
        output.data(url)
        output.note("until interrupted")
        if not quiet:
            _open(url)
        server.serve_forever()


def _open(url: str) -> None:
    import webbrowser

    from bench.cli import output

    try:
        opened = webbrowser.open(url)
    except webbrowser.Error:
        opened = False
    if not opened:
        output.note("no browser was found; open the address above")
