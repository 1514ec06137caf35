"""The record of partly seen samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import column
from bench.records.kinds import Density


@dataclass(frozen=True, kw_only=True, eq=False)
class Marginals(Density):
    """Log-mass of what is seen of each sample, the rest summed out; `dim` counts the variables seen, at least 1."""

    kind: ClassVar[str] = "marginals"

    residual: Float64s = column(
        "float", "log p(seen) + log p(one variable more | seen) - log p(both), nats: 0 for one consistent model"
    )
    chained: Float64s = column("float", "log-mass of the same by the conditionals, one variable after the other, nats")

    def validate(self) -> None:
        """Numbers."""
        super().validate()
        for name in ("residual", "chained"):
            self.refuse(name, ~np.isfinite(getattr(self, name)), "a finite number")
