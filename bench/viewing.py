"""The page of a folder, made where it is missing, and a server for it that this machine alone can reach."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.errors import UsageError

PAGES = ("report.html", "index.html", "gate.html", "comparison.html")
SHOWN = frozenset({".html", ".md", ".csv", ".json", ".png", ".svg", ".tex", ".pdf"})


class _Reports(SimpleHTTPRequestHandler):
    """Files of reports only, no listings, to requests that name this machine only."""

    def send_head(self) -> Any:
        host = self.headers.get("Host", "").rpartition(":")[0]
        path = Path(self.translate_path(self.path))
        inside = path.resolve().is_relative_to(Path(self.directory).resolve())
        # A page elsewhere may lead a browser here under a name of its own: it must not read.
        if host not in {"127.0.0.1", "localhost"} or path.suffix not in SHOWN or not inside or not path.is_file():
            self.send_error(404)
            return None
        return super().send_head()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def page(folder: Path) -> Path:
    """The page to open; a run's report is made where it is missing.  Raises `UsageError` where there is none."""
    from bench.reports.build import build
    from bench.runners.folder import RunFolder
    from bench.runners.site import MANIFEST

    if folder.is_file() and folder.suffix == ".html":
        return folder
    if (folder / MANIFEST).is_file() and not (folder / PAGES[0]).exists():
        build(RunFolder.open(folder))
    for name in PAGES:
        if (folder / name).is_file():
            return folder / name
    raise UsageError(
        f"there is nothing to view in '{folder}'",
        cause="it holds no run, no leaderboard and no page of a gate",
        fix="name a run folder, as bench eval printed it",
    )


def serving(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of that folder on the loopback.  Raises `UsageError` for a port that cannot be had."""
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Reports, directory=str(folder)))
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"port {port} cannot be had", cause=str(error), fix="--port 0 takes any that is free"
        ) from error


def address(server: ThreadingHTTPServer, name: str) -> str:
    """Where a page of the server is."""
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"
