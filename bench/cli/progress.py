"""Progress for people: a live view on a terminal, plain lines elsewhere.  Both go to stderr."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from bench.cli.output import coloured, one_line, say
from bench.runners.progress import Planned, Silent, counted


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
        """Remember where the run is."""
        self.path = path


class Notes(Watcher):
    """No progress, but what the user should know is still said."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def note(self, text: str) -> None:
        """Say it on a line of its own."""
        say(f"note: {one_line(text)}", self.stream)


@dataclass
class _Cell:
    """How far one cell is."""

    n: int
    n_done: int = 0
    running: str = ""
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def speed(self) -> float:
        return self.n_done / max(self.seconds, 1e-9)

    @property
    def rate(self) -> str:
        return f"{self.speed:,.0f}/s" if self.speed >= 99.5 else f"{self.speed:.3g}/s"

    @property
    def score(self) -> str:
        return f", {one_line(self.running)}" if self.running else ""


class Lines(Notes):
    """A line when a cell is complete, and one every half minute within a long one; no control codes."""

    every = 30.0

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.total = self.complete = 0
        self.cells: dict[str, _Cell] = {}

    def start(self, plan: Planned) -> None:
        """Say how much there is to do."""
        self.total = len(plan.cells)
        say(amount(plan), self.stream)

    def cell(self, name: str, n: int) -> None:
        """Begin to count."""
        self.cells[name] = _Cell(n)

    def advance(self, name: str, n_done: int, running: str) -> None:
        """Say something only if a while has passed."""
        cell = self.cells[name]
        cell.n_done, cell.running = n_done, running
        if time.monotonic() - cell.told >= self.every and n_done < cell.n:
            cell.told = time.monotonic()
            left = duration((cell.n - n_done) / cell.speed) if cell.speed > 0 else "unknown time"
            place = f"[{self.complete + 1}/{self.total}] {one_line(name)}"
            say(f"{place}: {n_done}/{cell.n}, {cell.rate}, {left} left{cell.score}", self.stream)

    def done(self, name: str) -> None:
        """Say what the cell came to."""
        cell = self.cells.pop(name)
        self.complete += 1
        took = f"{cell.n_done} samples in {duration(cell.seconds)}, {cell.rate}"
        say(f"[{self.complete}/{self.total}] {one_line(name)}: {took}{cell.score}", self.stream)


class Live(Watcher):
    """A bar for all samples and one for each cell at work, the rate, what is left, and the score so far."""

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
        self.cells: dict[str, tuple[Any, _Cell]] = {}
        self.overall: Any = None
        self.complete = self.total = self.before = 0

    def start(self, plan: Planned) -> None:
        """Draw the bar of all samples."""
        self.total = len(plan.cells)
        samples = sum(cell.n for cell in plan.cells)
        self.bars.start()
        self.overall = self.bars.add_task(f"0 of {self.total} cells", total=samples, rate="", running="")

    def cell(self, name: str, n: int) -> None:
        """Draw the bar of a cell."""
        bar = self.bars.add_task(one_line(name), total=n, rate="", running="")
        self.cells[name] = (bar, _Cell(n))

    def advance(self, name: str, n_done: int, running: str) -> None:
        """Move the bars."""
        bar, cell = self.cells[name]
        cell.n_done, cell.running = n_done, running
        self.bars.update(bar, completed=n_done, rate=cell.rate, running=one_line(running))
        self._move()

    def done(self, name: str) -> None:
        """Turn the cell's bar into a line that stays."""
        bar, cell = self.cells.pop(name)
        self.complete += 1
        self.before += cell.n
        self.bars.remove_task(bar)
        took = f"{cell.n_done} samples in {duration(cell.seconds)}{cell.score}"
        self.console.print(f"done  {one_line(name)}: {took}", markup=False, highlight=False)
        self._move()

    def note(self, text: str) -> None:
        """Say it above the bars."""
        self.console.print(f"note: {one_line(text)}", markup=False, highlight=False)

    def finish(self) -> None:
        """Take the bars away."""
        self.bars.stop()

    def _move(self) -> None:
        finished = self.before + sum(cell.n_done for _, cell in self.cells.values())
        self.bars.update(self.overall, completed=finished, description=f"{self.complete} of {self.total} cells")


def amount(plan: Planned) -> str:
    """How much there is to do, in words: cells, samples, tokens at most, and the time, where it is known."""
    samples, tokens = sum(cell.n for cell in plan.cells), sum(cell.tokens for cell in plan.cells)
    parts = [counted(len(plan.cells), "cell"), counted(samples, "sample")]
    if tokens:
        parts.append(f"at most {tokens:,} tokens")
    known = [cell.seconds for cell in plan.cells if cell.seconds is not None]
    if len(known) == len(plan.cells):
        parts.append(f"about {duration(sum(known))}" + guesses(sum(cell.guessed for cell in plan.cells)))
    return ", ".join(parts)


def guesses(number: int) -> str:
    """What to add to a time that rests on so many guesses."""
    return f" ({counted(number, 'cell')} guessed from tokens)" if number else ""


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
