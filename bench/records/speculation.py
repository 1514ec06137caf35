"""The record of speculative sampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import Ints, Ragged
from bench.errors import RecordError
from bench.records.base import Record, attribute, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Speculation(Record):
    """How one model's texts were drafted by another.  A row is a prompt.

    Columns over rounds have an entry for each look of the target; columns over drafts one for each drafted token that
    it looked at, those after the first failure of a round left out.
    """

    kind: ClassVar[str] = "speculation"

    drafted: Ragged = column("int", "tokens drafted in each round", ragged=True)
    passed: Ragged = column("int", "of these, accepted", ragged=True)
    emitted: Ragged = column("int", "tokens that each round gave, its last one included", ragged=True)
    accepted: Ragged = column("bool", "whether each draft passed", ragged=True)
    predicted: Ragged = column("float", "its chance to pass, as foreseen when it was drafted", ragged=True)
    overlap: Ragged = column("float", "its chance to pass before it was drawn: 1 - total variation", ragged=True)
    optimal_two: Ragged = column("float", "the most that any scheme accepts of two drafts there", ragged=True)
    recursive_two: Ragged = column("float", "what rejection by turns accepts of two drafts", ragged=True)
    k_seq_two: Ragged = column("float", "what K-SEQ accepts of two drafts", ragged=True)
    tokens: Ints = column("int", "tokens of the text")
    importance_two: Ragged | None = column(
        "float", "what choosing by importance accepts of two drafts (small vocabularies)", ragged=True, optional=True
    )
    draft_cost: float = attribute(0.0, "cost of a drafted token in passes of the target over one token")

    def validate(self) -> None:
        """Rounds and drafts agree with each other; chances lie in [0, 1]."""
        super().validate()
        for name in ("passed", "emitted"):
            self.refuse(name, getattr(self, name).lengths != self.drafted.lengths, "as long as 'drafted'")
        for name in ("predicted", "overlap", "optimal_two", "recursive_two", "k_seq_two", "importance_two"):
            column_: Ragged | None = getattr(self, name)
            if column_ is None:
                continue
            self.refuse(name, column_.lengths != self.accepted.lengths, "as long as 'accepted'")
            bad = np.zeros(len(self), dtype=np.bool_)
            outside = ~((column_.values >= 0) & (column_.values <= 1 + 1e-9))
            bad[np.repeat(np.arange(len(self)), column_.lengths)[outside]] = True
            self.refuse(name, bad, "within [0, 1]")
        self.refuse("emitted", self.emitted.sums() != self.tokens, "tokens of the text in all")
        if not (np.isfinite(self.draft_cost) and self.draft_cost >= 0):
            raise RecordError(
                f"speculation: 'draft_cost' is {self.draft_cost}",
                cause="it is a cost",
                fix="give a number of at least 0",
            )
