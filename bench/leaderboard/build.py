"""From run folders to the site on disk."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UsageError
from bench.halves import each
from bench.leaderboard import looks
from bench.leaderboard.tables import Leaderboard, leaderboard
from bench.runners.atomic import make_folder, write_error
from bench.runners.site import MANIFEST
from bench.threads import one_blas_thread

if TYPE_CHECKING:
    from bench.reports.standings.site import Page

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
        with one_blas_thread():
            found = leaderboard(runs, state=state, reusable=reusable, seed=seed)
        try:
            for folder in (out, out / "tasks", out / "models"):
                make_folder(folder)
            looks.write(out, state)
            pages = [*texts.files(found), *site.pages(found, command)]
            each(partial(_make, out), pages)
            kept = {name for name, _ in pages}
            for old in (*out.glob("tasks/*.html"), *out.glob("models/*.html")):
                if str(old.relative_to(out)) not in kept:
                    old.unlink()
        except OSError as error:
            raise write_error(error, out, resumable=False) from error
    return found


def _make(out: Path, page: Page) -> None:
    """Without waiting for the disk, page by page: what a crash takes, the same command makes again."""
    name, text = page
    (out / name).write_text(text(), "utf-8", errors="replace", newline="\n")


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles, of which millions of rows have none, and which would walk them again and again.

    What is there at the end is left out of the search from then on: the first one would walk all of it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.enable()
