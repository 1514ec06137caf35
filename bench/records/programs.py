"""The record of programs that a model wrote, and of the sets of programs made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ragged
from bench.errors import RecordError
from bench.records.base import Record, attribute, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Programs(Record):
    """Python that a model wrote and what its tokens cost, beside the Python that is right.

    `matches` says whether both are one tree.  A calibrator adds sets: the program with holes, which stands for all
    programs that agree with it elsewhere.
    """

    kind: ClassVar[str] = "programs"

    program: AnyArray = column("text", "the program that the model wrote")
    target: AnyArray = column("text", "the right program")
    starts: Ragged = column("int", "character of the program at which each token begins", ragged=True)
    logprobs: Ragged = column("float", "log-probability of each token, nats", ragged=True)
    matches: Bools = column("bool", "whether the model's program and the right one are the same tree")
    holds: Bools | None = column("bool", "whether the set holds the right program", optional=True)
    left_out: Float64s | None = column("float", "share of the program's nodes that are holes", optional=True)
    level: float = attribute(0.0, "share of right programs that the sets promise to hold; 0: there are no sets")
    confidence: float = attribute(0.0, "how sure that promise is over calibration splits")

    def validate(self) -> None:
        """Tokens begin in order and have log-probabilities; shares are within [0, 1]; sets state their level."""
        super().validate()
        self.refuse("starts", self.starts.lengths != self.logprobs.lengths, "as long as 'logprobs'")
        bad = np.zeros(len(self), dtype=bool)
        values = self.logprobs.values
        bad[np.repeat(np.arange(len(self)), self.logprobs.lengths)[np.isnan(values) | (values > 1e-6)]] = True
        self.refuse("logprobs", bad, "log-probabilities: at most 0, not NaN")
        if self.left_out is not None:
            self.refuse("left_out", ~((self.left_out >= 0) & (self.left_out <= 1)), "within [0, 1]")
        if self.holds is not None and not 0 < self.level < 1:
            raise RecordError(
                f"programs: 'level' is {self.level}", cause="sets promise a share above 0 and below 1", fix=self._fix()
            )
