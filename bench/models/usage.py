"""Counting what a language model costs."""

from __future__ import annotations

from dataclasses import dataclass

from bench.capabilities import Usage


@dataclass
class Meter:
    """Counts as the work is done."""

    engine: str
    note: str = ""
    asked: int = 0
    run: int = 0
    forwards: int = 0
    seconds: float = 0.0

    def add(self, *, asked: int = 0, run: int = 0, forwards: int = 0, seconds: float = 0.0) -> None:
        """Add to the counts."""
        self.asked += asked
        self.run += run
        self.forwards += forwards
        self.seconds += seconds

    def read(self) -> Usage:
        """The counts so far."""
        return Usage(self.engine, self.note, self.asked, self.run, self.forwards, self.seconds)
