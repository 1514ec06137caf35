"""The record of a classification with what is believed of concepts that hang together with the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.arrays import Float64s
from bench.errors import RecordError
from bench.records.base import attribute, column
from bench.records.kinds import Classification


@dataclass(frozen=True, kw_only=True, eq=False)
class Reasoned(Classification):
    """A classification beside the probabilities of K concepts, and which of them each class has."""

    kind: ClassVar[str] = "reasoned-classification"

    concepts: Float64s = column("float", "probability that each concept holds, K", dims=1)
    knowledge: tuple[str, ...] = attribute((), "for each class, 1 or 0 for each concept: whether the class has it")

    def validate(self) -> None:
        """As of `Classification`; probabilities, and knowledge of every class and concept."""
        super().validate()
        if len(self) == 0:
            return
        outside = ((self.concepts < 0) | (self.concepts > 1)).sum(axis=1) > 0
        self.refuse("concepts", outside, "within [0, 1]")
        sizes = {len(row) for row in self.knowledge}
        if len(self.knowledge) != self.logits.shape[1] or sizes != {self.concepts.shape[1]}:
            raise RecordError(
                "reasoned-classification: 'knowledge' doesn't fit",
                cause="it has one text for each class, with one 0 or 1 for each concept",
                fix=self._fix(),
            )
