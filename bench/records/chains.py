"""The record of reasoning chains: how sure of the answer a model is after each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import AnyArray, Bools, Ints, Ragged
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Chains(Record):
    """Chains of T steps, scored after 0, 1, ... T of them: each row of a ragged column has T + 1 entries."""

    kind: ClassVar[str] = "chains"

    entropy: Ragged = column(
        "float", "entropy a token over the right answer's tokens, nats, after each step", ragged=True
    )
    nll: Ragged = column("float", "negative log-probability a token of the right answer, nats", ragged=True)
    correct: Bools = column("bool", "whether the chain's own answer is right")
    tokens: Ints = column("int", "tokens of the chain")
    text: AnyArray = column("text", "the chain")

    def validate(self) -> None:
        """Entropies are at least 0; both columns have as many entries."""
        super().validate()
        self.refuse("entropy", self.entropy.lengths < 1, "at least one number")
        self.refuse("nll", self.nll.lengths != self.entropy.lengths, "as long as 'entropy'")
        bad = np.zeros(len(self), dtype=np.bool_)
        bad[np.repeat(np.arange(len(self)), self.entropy.lengths)[~(self.entropy.values >= -1e-9)]] = True
        self.refuse("entropy", bad, "at least 0")
