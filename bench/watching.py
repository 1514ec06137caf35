"""How far a run is, read from its folder while another process writes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.runners.cells import CellEntry
from bench.runners.folder import RunFolder
from bench.runners.journal import journal_files
from bench.runners.site import LOCK

SAMPLE = b'"at":'


@dataclass(frozen=True, kw_only=True)
class CellState:
    """A cell: done, failed, asking or planned; samples answered, of `n` where that is known (0: not yet)."""

    name: str
    state: str
    answered: int
    n: int
    failed: int
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class RunState:
    """A run: whether it came to its end, whether a process is at work on it, and its cells."""

    finished: bool
    written: bool
    cells: tuple[CellState, ...]

    @property
    def done(self) -> int:
        """Cells that need no more work."""
        return sum(c.state in {"done", "failed"} for c in self.cells)

    def as_lines(self) -> Iterator[str]:
        """The run in words: one line in all, one for each cell at work."""
        answered = sum(c.answered for c in self.cells)
        failed = sum(c.state == "failed" for c in self.cells)
        more = f", {failed} failed" if failed else ""
        yield f"{self.done} of {len(self.cells)} cells{more}; {answered:,} samples answered"
        for c in self.cells:
            if c.state == "asking":
                of = f" of {c.n:,}" if c.n else ""
                lost = f", {c.failed:,} without an answer" if c.failed else ""
                yield f"  {c.name}: {c.answered:,}{of}{lost}"


class Tail:
    """Counts the samples of journals that grow, reading only what is new."""

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, int, int]] = {}

    def count(self, folder: Path) -> tuple[int, int]:
        """Samples in the journals of a cell, and those among them that failed."""
        found = [self._of(path) for path in journal_files(folder)]
        return sum(n for n, _ in found), sum(f for _, f in found)

    def _of(self, path: Path) -> tuple[int, int]:
        start, samples, failed = self._read.get(path, (0, 0, 0))
        with suppress(OSError), path.open("rb") as file:
            file.seek(start)
            data = file.read()
            data = data[: data.rfind(b"\n") + 1]  # a line that is being written counts when it is whole
            for line in data.splitlines():
                head = line[:120]
                samples += SAMPLE in head
                failed += SAMPLE in head and b'"failed":' in line[:400]
            self._read[path] = (start + len(data), samples, failed)
        return samples, failed


def look(path: Path, tail: Tail) -> RunState:
    """The run as it is now.  Raises `UsageError` for what is no run."""
    run = RunFolder.open(path)
    return RunState(
        finished=run.finished,
        written=_held(path / LOCK),
        cells=tuple(_cell(run, entry, tail) for entry in run.cells),
    )


def _cell(run: RunFolder, entry: CellEntry, tail: Tail) -> CellState:
    if entry.status == "done":
        return CellState(name=entry.name, state="done", answered=entry.n, n=entry.n, failed=entry.n_failed)
    if entry.status == "failed":
        return CellState(name=entry.name, state="failed", answered=0, n=entry.n, failed=0, why=entry.error)
    answered, failed = tail.count(run.cell_path(entry.name))
    state = "asking" if answered else "planned"
    return CellState(name=entry.name, state=state, answered=answered, n=entry.n, failed=failed)


def _held(path: Path) -> bool:
    """Whether a process holds the lock; one that died left the file, but not the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
