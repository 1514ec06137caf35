"""What a runner tells whoever watches: a small protocol, so that runners know nothing of terminals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class PlannedCell(Protocol):
    """What a watcher wants to know of a cell before it runs."""

    @property
    def n(self) -> int:
        """Samples that will be asked."""
        ...

    @property
    def seconds(self) -> float | None:
        """Estimated duration; `None` where it is not known."""
        ...

    @property
    def tokens(self) -> int:
        """Tokens that a language model runs at most; 0 for other models."""
        ...

    @property
    def guessed(self) -> bool:
        """Whether the duration is that of as many tokens elsewhere."""
        ...


class Planned(Protocol):
    """What a watcher wants to know of a plan."""

    @property
    def cells(self) -> Sequence[PlannedCell]:
        """The cells, in the order of work."""
        ...


class Progress(Protocol):
    """Called by a runner as it goes.  Every call is cheap, and none may raise or change what is computed."""

    def start(self, plan: Planned) -> None:
        """The plan is known and work begins."""
        ...

    def folder(self, path: Path) -> None:
        """The run folder exists from here on; an interrupt can be continued from it."""
        ...

    def cell(self, name: str, n: int) -> None:
        """A cell of `n` samples begins."""
        ...

    def advance(self, name: str, n_done: int, running: str) -> None:
        """`n_done` samples of the cell are finished; `running` is its score so far, with interval, for the eye."""
        ...

    def done(self, name: str) -> None:
        """The cell is complete."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know and that stops nothing: a halved batch, a repaired journal."""
        ...

    def finish(self) -> None:
        """No more calls follow."""
        ...


class Silent:
    """Progress that nobody watches."""

    def start(self, plan: Planned) -> None:
        """Say nothing."""

    def folder(self, path: Path) -> None:
        """Say nothing."""

    def cell(self, name: str, n: int) -> None:
        """Say nothing."""

    def advance(self, name: str, n_done: int, running: str) -> None:
        """Say nothing."""

    def done(self, name: str) -> None:
        """Say nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


def counted(number: int, word: str) -> str:
    """A number with its noun: 1 cell, 2 cells."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
