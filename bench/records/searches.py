"""The record of searches for a minimum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Searches(Record):
    """Searches for the minimum of a function by T evaluations each.  A row is a search."""

    kind: ClassVar[str] = "searches"

    values: Float64s = column("float", "the function at each evaluation, in order, T", dims=1)
    minimum: Float64s = column("float", "the function's known minimum")

    @property
    def regrets(self) -> Float64s:
        """Least value so far less the minimum, after each evaluation, (n, T)."""
        return np.minimum.accumulate(self.values, axis=1) - self.minimum[:, None]

    def validate(self) -> None:
        """At least one evaluation, finite, and none below the minimum."""
        super().validate()
        self.refuse("values", (~np.isfinite(self.values)).sum(axis=1) > 0, "finite")
        least = self.values.min(axis=1, initial=np.inf)
        self.refuse("values", least < self.minimum - 1e-6 * (1 + np.abs(self.minimum)), "at least the minimum")
