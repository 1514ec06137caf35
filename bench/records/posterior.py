"""The record of simulation-based inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Float64s, Ints
from bench.records.base import Record, attribute, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Posterior(Record):
    """A posterior for each simulated observation, held against the parameters that it was simulated from."""

    kind: ClassVar[str] = "posterior"

    parameters: Float64s = column("float", "the true parameters, P", dims=1)
    observed: Float64s = column("float", "what the simulator put out, or a summary of it", dims=1)
    ranks: Ints = column("int", "of each true parameter among its posterior draws, 0 .. draws", dims=1)
    nearer: Float64s = column("float", "share of draws nearer to a random reference point than the truth is")
    denser: Float64s = column("float", "share of draws of higher posterior density than the truth")
    log_prob: Float64s = column("float", "posterior log-density of the truth, nats")
    drawn: Float64s = column("float", "one posterior draw, P", dims=1)
    truth: Float64s | None = column("float", "log-density of the truth under the exact posterior", optional=True)
    draws: int = attribute(0, "posterior draws behind ranks and shares")
    prior_entropy: float = attribute(0.0, "entropy of the prior, nats")

    def validate(self) -> None:
        """Ranks within the draws, shares within [0, 1], numbers."""
        super().validate()
        outside = (self.ranks < 0) | (self.ranks > self.draws)
        self.refuse("ranks", outside.sum(axis=1) > 0, "from 0 to 'draws'")
        for name in ("nearer", "denser"):
            value = getattr(self, name)
            self.refuse(name, ~((value >= 0) & (value <= 1)), "within [0, 1]")
        self.refuse("log_prob", np.isnan(self.log_prob), "a number")
