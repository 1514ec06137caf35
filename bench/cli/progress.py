"""Progress for people: a live view on a terminal, plain lines elsewhere.  Both go to stderr."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, TextIO

from bench.cli.output import coloured, one_line
from bench.runners.progress import Planned, Silent


def progress(*, quiet: bool, shown: bool, stream: TextIO | None = None) -> Watcher:
    """The right one: silent if not wanted, live on a terminal that takes control codes, else plain lines."""
    stream = stream or sys.stderr
    if quiet:
        return Watcher()
    if not shown:
        return Notes(stream)
    return Live(stream) if coloured(stream) else Lines(stream)


class Watcher(Silent):
    """Silent, but knows the run folder, so that an interrupt can say how to go on."""

    path: Path | None = None

    def folder(self, path: Path) -> None:
        self.path = path


class Notes(Watcher):
    """No progress, but what the user should know is still said."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def note(self, text: str) -> None:
        print(f"note: {one_line(text)}", file=self.stream, flush=True)  # noqa: T20


class Lines(Notes):
    """One line when a cell is complete, and one every half minute within a long one; no control codes."""

    every = 30.0

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.cells = self.complete = self.n = self.n_done = 0
        self.running = ""
        self.began = self.told = time.monotonic()

    def start(self, plan: Planned) -> None:
        self.cells = len(plan.cells)
        samples = sum(cell.n for cell in plan.cells)
        known = [cell.seconds for cell in plan.cells if cell.seconds is not None]
        guess = f", about {duration(sum(known))}" if len(known) == self.cells else ""
        self._say(f"{self.cells} cells, {samples} samples{guess}")

    def cell(self, name: str, n: int) -> None:
        self.n, self.n_done, self.running = n, 0, ""
        self.began = self.told = time.monotonic()

    def advance(self, name: str, n_done: int, running: str) -> None:
        self.n_done, self.running = n_done, running
        now = time.monotonic()
        if now - self.told >= self.every and n_done < self.n:
            self.told = now
            rate = n_done / max(now - self.began, 1e-9)
            left = duration((self.n - n_done) / rate) if rate > 0 else "?"
            self._say(f"{self._place()} {name}: {n_done}/{self.n}, {rate:.3g}/s, {left} left{self._score()}")

    def done(self, name: str) -> None:
        took = time.monotonic() - self.began
        self.complete += 1
        rate = f", {self.n_done / took:.3g}/s" if took > 0 and self.n_done else ""
        self._say(
            f"[{self.complete}/{self.cells}] {name}: {self.n_done} samples in {duration(took)}{rate}{self._score()}"
        )

    def _place(self) -> str:
        return f"[{self.complete + 1}/{self.cells}]"

    def _score(self) -> str:
        return f", {self.running}" if self.running else ""

    def _say(self, text: str) -> None:
        print(one_line(text), file=self.stream, flush=True)  # noqa: T20


class Live(Watcher):
    """A bar for all samples, one for the cell at work, the rate, what is left, and the score so far."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self.console = Console(file=stream)
        self.bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[running]}", markup=False),
            console=self.console,
            transient=True,
        )
        self.all: Any = None
        self.one: Any = None
        self.complete = self.cells = self.before = 0
        self.began = 0.0

    def start(self, plan: Planned) -> None:
        self.cells = len(plan.cells)
        total = sum(cell.n for cell in plan.cells)
        self.bars.start()
        self.all = self.bars.add_task(self._overall(), total=total, rate="", running="")
        self.began = time.monotonic()

    def cell(self, name: str, n: int) -> None:
        if self.one is not None:
            self.bars.remove_task(self.one)
        self.one = self.bars.add_task(one_line(name), total=n, rate="", running="")
        self.began = time.monotonic()

    def advance(self, name: str, n_done: int, running: str) -> None:
        if self.one is None:
            return
        rate = n_done / max(time.monotonic() - self.began, 1e-9)
        self.bars.update(self.one, completed=n_done, rate=f"{rate:.3g}/s", running=one_line(running))
        self.bars.update(self.all, completed=self.before + n_done)

    def done(self, name: str) -> None:
        self.complete += 1
        if self.one is not None:
            total = self.bars.tasks[-1].total or 0
            self.before += int(total)
            running = self.bars.tasks[-1].fields["running"]
            self.bars.remove_task(self.one)
            self.one = None
            took = duration(time.monotonic() - self.began)
            line = f"done {one_line(name)}: {int(total)} samples in {took}" + (f", {running}" if running else "")
            self.console.print(line, markup=False, highlight=False)
        self.bars.update(self.all, completed=self.before, description=self._overall())

    def note(self, text: str) -> None:
        self.console.print(f"note: {one_line(text)}", markup=False, highlight=False)

    def finish(self) -> None:
        self.bars.stop()

    def _overall(self) -> str:
        return f"{self.complete} of {self.cells} cells"


def duration(seconds: float) -> str:
    """Seconds for the eye: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
