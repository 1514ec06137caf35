"""The record of generated answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Ragged
from bench.records.base import Record, column


@dataclass(frozen=True, kw_only=True, eq=False)
class Generations(Record):
    """What a decoder answered to each prompt, and the pool of generations that it chose from.

    A row is a prompt.  The ragged columns hold its pool: row i has one entry for each generation, or for each token of
    the whole pool, one generation after the other.
    """

    kind: ClassVar[str] = "generations"

    answer: AnyArray = column("text", "the answer that the decoder gave; empty where none could be read")
    correct: Bools = column("bool", "whether that answer is right")
    confidence: Float64s = column("float", "the decoder's probability of its answer, in [0, 1]")
    text: Ragged = column("text", "each generation", ragged=True)
    logprob: Ragged = column("float", "log-probability of each generation, nats", ragged=True)
    tokens: Ragged = column("int", "tokens of each generation", ragged=True)
    answers: Ragged | None = column("text", "answer read from each generation", ragged=True, optional=True)
    corrects: Ragged | None = column("bool", "whether each generation is right", ragged=True, optional=True)
    passes: Ragged | None = column(
        "bool", "whether a verifier that may err passed each generation", ragged=True, optional=True
    )
    token_logprobs: Ragged | None = column(
        "float",
        "log-probabilities of all tokens of the pool, one generation after the other",
        ragged=True,
        optional=True,
    )
    target: AnyArray | None = column("text", "the right answer", optional=True)
    spent: Ints | None = column(
        "int", "tokens that the decoder made or read for the prompt, thrown-away ones included", optional=True
    )
    calls: Ints | None = column("int", "texts and steps that the decoder asked for", optional=True)
    checks: Ints | None = column("int", "judgements of a verifier that the decoder asked for", optional=True)
    greedy: Ragged | None = column(
        "bool",
        "whether a generation is the greedy text, which is no draw: one a prompt",
        ragged=True,
        optional=True,
    )
    token_entropies: Ragged | None = column(
        "float", "entropy of the model's distribution at each token of the pool, nats", ragged=True, optional=True
    )
    token_certainties: Ragged | None = column(
        "float", "KL(uniform || model's distribution) at each token of the pool, nats", ragged=True, optional=True
    )
    pieces: Ragged | None = column("text", "text of each token of the pool", ragged=True, optional=True)
    alternatives: Ragged | None = column(
        "text",
        "texts of the likeliest tokens in the place of each token of the answer, equally many",
        ragged=True,
        optional=True,
    )
    alternative_logprobs: Ragged | None = column("float", "their log-probabilities, nats", ragged=True, optional=True)
    states: Ragged | None = column(
        "float",
        "mean state of the last layer over each generation, (pool x width)",
        ragged=True,
        optional=True,
    )
    p_true: Float64s | None = column(
        "float", "probability that the model, asked about its answer, gives to its being true", optional=True
    )
    stated: Float64s | None = column(
        "float", "confidence that the model stated in words, in [0, 1]; NaN where none could be read", optional=True
    )
    deferred: Bools | None = column("bool", "whether the model to which one could defer is right", optional=True)

    def validate(self) -> None:
        """Confidence within [0, 1]; at least one generation a prompt; what belongs to tokens has one entry for each."""
        super().validate()
        self.refuse("confidence", ~((self.confidence >= 0) & (self.confidence <= 1 + 1e-9)), "within [0, 1]")
        self.refuse("text", self.text.lengths < 1, "at least one generation")
        if self.greedy is not None:
            self.refuse("greedy", self.greedy.sums() != 1, "true for one generation")
        if self.p_true is not None:
            self.refuse("p_true", ~((self.p_true >= 0) & (self.p_true <= 1 + 1e-9)), "within [0, 1]")
        if self.stated is not None:
            self.refuse("stated", (self.stated < 0) | (self.stated > 1), "within [0, 1], or NaN")
        total = self.tokens.sums()
        for name in ("token_logprobs", "token_entropies", "token_certainties", "pieces"):
            each: Ragged | None = getattr(self, name)
            if each is not None:
                self.refuse(name, each.lengths != total, "as many entries as 'tokens' says in all")
        if self.states is not None:
            self.refuse("states", self.states.lengths % self.text.lengths != 0, "as many numbers for each generation")
        if self.alternatives is not None and self.alternative_logprobs is not None:
            apart = self.alternatives.lengths != self.alternative_logprobs.lengths
            self.refuse("alternatives", apart, "as many as 'alternative_logprobs'")

    @property
    def sampled(self) -> Bools:
        """Which generations of all pools are draws, (total,): all of them, but for greedy texts."""
        if self.greedy is None:
            return np.ones(len(self.text.values), dtype=bool)
        return ~np.asarray(self.greedy.values, dtype=bool)

    @property
    def chosen(self) -> Ints:
        """Position among all generations of the one that stands for the answer, (n,).

        The greedy one, where there is one; else the likeliest of those that gave the answer, or of all.
        """
        start = self.text.offsets[:-1]
        owner = np.repeat(np.arange(len(self)), self.text.lengths)
        if self.greedy is not None:
            best = np.asarray(self.greedy.values, dtype=bool)
        elif self.answers is not None:
            best = self.answers.values == self.answer[owner]
        else:
            best = self.text.values == self.answer[owner]
        logprob = np.nan_to_num(self.logprob.values, nan=-np.inf)
        order = np.lexsort((-np.arange(len(owner)), logprob, best, owner))
        return order[start + self.text.lengths - 1]
