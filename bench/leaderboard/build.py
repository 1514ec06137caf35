"""From run folders to the site on disk."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.leaderboard import looks
from bench.leaderboard.tables import Leaderboard, leaderboard
from bench.runners.atomic import make_folder, write_error
from bench.runners.site import MANIFEST
from bench.threads import one_blas_thread

if TYPE_CHECKING:
    from bench.reports.standings.site import Page

MANY = 100  # pages; fewer are made before a second process has begun
MARK = looks.FILE  # what a folder holds that a leaderboard was made in before


def run_folders(paths: Sequence[Path]) -> list[Path]:
    """The runs named, and those directly within folders named, each once, by name.

    Raises `UsageError` for a folder that neither is a run nor holds one.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if (path / MANIFEST).is_file() or not path.is_dir():
            within = [path]
        else:
            within = sorted(p.parent for p in path.glob(f"*/{MANIFEST}"))
        if not within:
            raise UsageError(
                f"there is no run in '{path}'",
                cause=f"neither it nor a folder in it has a {MANIFEST}",
                fix="name run folders, as bench eval printed them",
            )
        for one in within:
            found.setdefault(one.resolve(), one)
    return list(found.values())


def build(runs: Sequence[Path], out: Path, *, reusable: bool = False, seed: int = 0) -> Leaderboard:
    """Write the site, Markdown, CSV, LaTeX and the looks into `out`; pages of an earlier one there are replaced.

    Raises `UsageError` for a folder that holds something else.
    """
    from bench.reports.standings import site, texts

    if out.exists() and any(out.iterdir()) and not (out / MARK).exists():
        raise UsageError(
            f"'{out}' holds something else", cause="a leaderboard would be mixed with it", fix="name another --out"
        )
    state = looks.read(out)
    command = ["bench", "leaderboard", *map(str, runs), "--out", str(out), *(["--thresholdout"] if reusable else [])]
    with _uncollected():
        with one_blas_thread():  # of 200 models, a second thread waits longer than it works
            found = leaderboard(runs, state=state, reusable=reusable, seed=seed)
        try:
            for folder in (out, out / "tasks", out / "models"):
                make_folder(folder)
            looks.write(out, state)
            for name, text in texts.files(found):
                _put(out / name, text)
            pages = site.pages(found, command)
            _make(pages, out)
            kept = {name for name, _ in pages}
            for old in (*out.glob("tasks/*.html"), *out.glob("models/*.html")):
                if str(old.relative_to(out)) not in kept:
                    old.unlink()
        except OSError as error:
            raise write_error(error, out, resumable=False) from error
    return found


def _make(pages: Sequence[Page], out: Path) -> None:
    """Make and write pages: every other one in a process of its own where they are many and there is a core for it."""
    if len(pages) < MANY or sys.platform != "linux" or (os.cpu_count() or 1) < 2:
        _write(pages, out)
        return
    # A fork has all that the pages are made of, and no thread of ours to miss.
    other = multiprocessing.get_context("fork").Process(target=_write_or_tell, args=(pages[1::2], out))
    other.start()
    try:
        _write(pages[::2], out)
    finally:
        other.join()
    if other.exitcode:
        _write(pages[1::2], out)


def _write_or_tell(pages: Sequence[Page], out: Path) -> None:
    """By the exit code, since what went wrong is said by whoever tries again."""
    try:
        _write(pages, out)
    except OSError:
        sys.exit(1)


def _write(pages: Sequence[Page], out: Path) -> None:
    for name, page in pages:
        _put(out / name, page())


def _put(path: Path, text: str) -> None:
    """Without waiting for the disk, page by page: what a crash takes, the same command makes again."""
    path.write_text(text, "utf-8", errors="replace", newline="\n")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles, of which millions of rows have none, and which would walk them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
