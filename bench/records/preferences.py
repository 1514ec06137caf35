"""The record of preferred and rejected texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s, Ints
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Preferences(Record):
    """For each prompt a preferred and a rejected text, and what the model makes of them."""

    kind: ClassVar[str] = "preferences"

    chosen: Float64s = column("float", "log-likelihood (or reward) of the preferred text, nats")
    rejected: Float64s = column("float", "the same of the rejected text")
    chosen_reference: Float64s | None = column("float", "log-likelihood of it under the reference", optional=True)
    rejected_reference: Float64s | None = column("float", "the same of the rejected text", optional=True)
    chosen_tokens: Ints | None = column("int", "tokens of the preferred text", optional=True)
    rejected_tokens: Ints | None = column("int", "tokens of the rejected text", optional=True)
    ches: Float64s | None = column("float", "CHES of the pair under the reference", optional=True)
    ches_mean: Float64s | None = column("float", "its form by means, free of length", optional=True)

    def validate(self) -> None:
        """Numbers, not NaN; the reference for both texts or for neither."""
        super().validate()
        for name in ("chosen", "rejected", "chosen_reference", "rejected_reference", "ches", "ches_mean"):
            value = getattr(self, name)
            if value is not None:
                self.refuse(name, np.isnan(value), "a number")
