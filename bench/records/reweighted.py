"""The record of losses foretold under a shift of the outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Reweighted(Record):
    """A model's loss on a target, foretold from labelled source samples and unlabelled target ones.

    A row is a world: a source and a target whose outcomes are distributed otherwise, by weights that are known.
    """

    kind: ClassVar[str] = "reweighted"

    foretold: Float64s = column("float", "mean loss on the source by estimated weights")
    unweighted: Float64s = column("float", "mean loss on the source")
    known: Float64s = column("float", "mean loss on the source by the true weights")
    suffered: Float64s = column("float", "mean loss on the target, by its outcomes")
    error: Float64s = column("float", "mean squared error of the estimated weights at source samples")
    flat: Float64s = column("float", "that of weights of 1")
    effective: Float64s = column("float", "effective share of the source samples, (sum w)^2 / sum w^2 / n")

    def validate(self) -> None:
        """Finite, errors at least 0, shares within [0, 1]."""
        super().validate()
        for name in ("foretold", "unweighted", "known", "suffered", "error", "flat", "effective"):
            self.refuse(name, ~np.isfinite(getattr(self, name)), "finite")
        for name in ("error", "flat"):
            self.refuse(name, getattr(self, name) < 0, "at least 0")
        self.refuse("effective", (self.effective < 0) | (self.effective > 1 + 1e-9), "within [0, 1]")
