"""The record of rollouts: from each prefix of a chain, how often a continuation ends right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import AnyArray, Bools, Ragged
from bench.records.base import Record, attribute, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollouts(Record):
    """Chains of T tokens, continued from each of their prefixes: rows of `value` have T + 1 entries."""

    kind: ClassVar[str] = "rollouts"

    value: Ragged = column("float", "share of continuations after 0, 1, ... T tokens that end right", ragged=True)
    correct: Bools = column("bool", "whether the chain itself ends right")
    text: AnyArray = column("text", "the chain")
    rollouts: int = attribute(0, "continuations of each prefix")

    def validate(self) -> None:
        """Values are shares; a chain's last one is its own outcome."""
        super().validate()
        bad = np.zeros(len(self), dtype=np.bool_)
        outside = ~((self.value.values >= 0) & (self.value.values <= 1))
        bad[np.repeat(np.arange(len(self)), self.value.lengths)[outside]] = True
        self.refuse("value", bad, "within [0, 1]")
        self.refuse("value", self.value.lengths < 1, "at least one number")
        last = self.value.values[self.value.offsets[1:] - 1]
        self.refuse("value", last != self.correct, "the chain's own outcome at the end")
