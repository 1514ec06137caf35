"""The record of texts selected from a raw pool to resemble a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Selections(Record):
    """How much nearer to a target selections are than the pool that they come from.  A row is a pool and a target.

    Nearer: by KL(target || texts) of words and pairs of words in hashed buckets, against target texts that no
    selection has seen.
    """

    kind: ClassVar[str] = "selections"

    weighted: Float64s = column("float", "KL reduction of a draw by importance weights (DSIR), nats")
    random: Float64s = column("float", "KL reduction of as many texts drawn at random, nats")
    likely: Float64s = column("float", "KL reduction of as many, those likeliest to the model for each token, nats")
    best: Float64s | None = column("float", "KL reduction of the texts of the target's kind alone, nats", optional=True)
    kin: Float64s | None = column("float", "share of the target's kind among the draw by weights", optional=True)

    def validate(self) -> None:
        """Numbers."""
        super().validate()
        for name in ("weighted", "random", "likely"):
            self.refuse(name, ~np.isfinite(getattr(self, name)), "finite")
