"""The record of forecasts of what follows a sequence of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, attribute, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Continuations(Record):
    """How far continuations that a model draws are from what came."""

    kind: ClassVar[str] = "continuations"

    distance: Float64s = column("float", "mean transport distance of the drawn continuations to the true one")
    spread: Float64s = column("float", "mean transport distance of two drawn continuations")
    drawn: Float64s = column("float", "mean number of events in a drawn continuation")
    came: Float64s = column("float", "number of events that came")
    draws: int = attribute(0, "continuations drawn for each sequence")

    def validate(self) -> None:
        """At least 0."""
        super().validate()
        for name in ("distance", "spread", "drawn", "came"):
            value = getattr(self, name)
            self.refuse(name, ~(np.isfinite(value) & (value >= 0)), "finite and at least 0")
