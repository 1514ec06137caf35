"""The record of event sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Ragged
from bench.records.base import column
from bench.records.kinds import Density


@dataclass(frozen=True, kw_only=True, eq=False)
class Events(Density):
    """Log-density of each sequence of events, the silence to its horizon included; `dim` counts events, at least 1."""

    kind: ClassVar[str] = "events"

    residuals: Ragged | None = column(
        "float",
        "integrated intensity from each event to the next: unit exponential if the model is right",
        ragged=True,
        optional=True,
    )
    wait_errors: Ragged | None = column(
        "float", "expected wait for each event, given those before it, less the wait", ragged=True, optional=True
    )
    marks: Ragged | None = column("int", "mark of each event", ragged=True, optional=True)
    foretold: Ragged | None = column(
        "int", "likeliest mark of each event, given those before it", ragged=True, optional=True
    )

    def validate(self) -> None:
        """Residuals are at least 0 and finite."""
        super().validate()
        if self.residuals is not None:
            bad = np.zeros(len(self), dtype=bool)
            wrong = ~(np.isfinite(self.residuals.values) & (self.residuals.values >= 0))
            bad[np.repeat(np.arange(len(self)), self.residuals.lengths)[wrong]] = True
            self.refuse("residuals", bad, "finite and at least 0")
