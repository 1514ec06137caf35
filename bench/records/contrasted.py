"""Texts under two language models: one fine-tuned, and the one that it was tuned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import AnyArray, Ints, Ragged
from bench.records.base import column
from bench.records.kinds import Tokens


@dataclass(frozen=True, kw_only=True, eq=False)
class Contrasted(Tokens):
    """Log-probabilities of the tokens of a question and its answer under a model, and under its base model."""

    kind: ClassVar[str] = "contrasted-tokens"

    base: Ragged | None = column(
        "float", "log-probability of each token under the base model, nats", ragged=True, optional=True
    )
    question: Ints = column("int", "tokens of the question, which come first; 0 of a plain text")
    text: AnyArray | None = column("text", "the question and its answer, as text", optional=True)
    base_question: Ints | None = column("int", "the same under the base model's tokenizer", optional=True)

    def validate(self) -> None:
        """As of `Tokens`; a question is no longer than its text."""
        super().validate()
        self.refuse("question", (self.question < 0) | (self.question > self.logprobs.lengths), "within the text")
        if self.base is not None:
            bad = np.zeros(len(self), dtype=bool)
            bad[np.repeat(np.arange(len(self)), self.base.lengths)[~(self.base.values <= 1e-6)]] = True
            self.refuse("base", bad, "log-probabilities: at most 0, not NaN")
