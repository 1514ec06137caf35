"""The record of predicted pairs of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s, Ints
from bench.records.base import column
from bench.records.kinds import Classification


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired(Classification):
    """A distribution over two independent answers to each question, and the two that were given.

    `logits` and `labels` are of the first answer alone; what the second would be with the first in sight says how much
    of the spread is the model's ignorance, and how much the answers' own.
    """

    kind: ClassVar[str] = "paired-classification"

    joint: Float64s = column("float", "probability of each pair of answers, symmetric, C x C", dims=2)
    second: Ints = column("int", "the second answer, 0 .. C-1")

    def validate(self) -> None:
        """As of `Classification`; the joint law is one, and symmetric."""
        super().validate()
        if len(self) == 0:
            return
        classes = self.logits.shape[1]
        self.refuse("second", (self.second < 0) | (self.second >= classes), f"in 0 .. {classes - 1}")
        far = np.abs(self.joint.sum(axis=(1, 2)) - 1) > 1e-6
        uneven = np.abs(self.joint - self.joint.transpose(0, 2, 1)).max(axis=(1, 2)) > 1e-9
        self.refuse("joint", far | uneven | (self.joint < 0).any(axis=(1, 2)), "a symmetric law of pairs")
