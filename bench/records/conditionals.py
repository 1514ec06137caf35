"""The record of estimated conditional probabilities, each made in several ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditionals(Record):
    """p(Y = 1 | X = x) of pairs of variables, as it is and as a model says it.  A row is a pair and a value x."""

    kind: ClassVar[str] = "conditionals"

    truth: Float64s = column("float", "the true conditional probability")
    marginal: Float64s = column("float", "the true p(Y = 1), which knows nothing of X")
    direct: Float64s = column("float", "the model's answer at once")
    scaffolded: Float64s = column(
        "float", "after the variables between the two, sampled in their order; mean of traces"
    )
    free: Float64s = column("float", "after variables of the model's own choice; mean of traces")
    negative: Float64s = column("float", "after as many variables that lie elsewhere; mean of traces")
    mentioned: Float64s = column("float", "share of the variables between the two that free traces mention")

    def validate(self) -> None:
        """All are probabilities."""
        super().validate()
        for name in ("truth", "marginal", "direct", "scaffolded", "free", "negative", "mentioned"):
            value = getattr(self, name)
            self.refuse(name, ~((value >= 0) & (value <= 1 + np.finfo(float).eps * 16)), "within [0, 1]")
