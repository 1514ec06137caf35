"""What asking a language model cost: tokens, forward passes, seconds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Usage:
    """The cost of some work.

    engine: the way that scores were computed; note: why that one, where it was not the first choice.  asked: tokens
    in all requests, as if each were run alone.  run: tokens that went through the model, padding among them.
    forwards: passes of the model.  seconds: wall time within the engine.
    """

    engine: str = ""
    note: str = ""
    asked: int = 0
    run: int = 0
    forwards: int = 0
    seconds: float = 0.0

    def since(self, before: Usage) -> Usage:
        """What was added since an earlier reading."""
        return Usage(
            self.engine,
            self.note,
            self.asked - before.asked,
            self.run - before.run,
            self.forwards - before.forwards,
            self.seconds - before.seconds,
        )

    def as_json(self) -> dict[str, Any]:
        """JSON-ready, seconds to the millisecond."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}


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
