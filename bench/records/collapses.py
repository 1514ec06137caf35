"""The record of models that learn from their own texts, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Collapses(Record):
    """Chains of G refits.  A row is a chain; entry g is of the texts that the model learnt from at its g-th fit.

    Entry 0 is of people's texts; every later one of texts that the model before it wrote.
    """

    kind: ClassVar[str] = "collapses"

    differ: Float64s = column("float", "chance that two words drawn from the texts differ, G + 1", dims=1)
    distinct: Float64s = column("float", "share of different pairs of neighbouring words, G + 1", dims=1)
    zipf: Float64s = column("float", "slope of log frequency of words on log rank, G + 1", dims=1)
    nll: Float64s = column("float", "nats a token of people's texts under the model so fitted, G + 1", dims=1)

    def validate(self) -> None:
        """Two fits at least; chances and shares within [0, 1]; finite numbers."""
        super().validate()
        for name in ("differ", "distinct", "zipf", "nll"):
            value = getattr(self, name)
            self.refuse(name, (~np.isfinite(value)).any(axis=1) | (value.shape[1] < 2), "finite, of two fits at least")
        for name in ("differ", "distinct"):
            value = getattr(self, name)
            self.refuse(name, ((value < 0) | (value > 1)).any(axis=1), "within [0, 1]")
