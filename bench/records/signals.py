"""The record of gradients of a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals(Record):
    """How much signal the gradients of a latent-variable model's bound have, at each sample."""

    kind: ClassVar[str] = "signals"

    generator: Float64s = column("float", "|mean| / standard deviation of the gradient of the generator's parameters")
    inference: Float64s = column("float", "the same of the proposal's parameters")

    def validate(self) -> None:
        """At least 0."""
        super().validate()
        for name in ("generator", "inference"):
            value = getattr(self, name)
            self.refuse(name, ~(np.isfinite(value) & (value >= 0)), "finite and at least 0")
