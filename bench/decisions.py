"""What a decoder is asked, what it decides, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.arrays import Float64s, Ints
from bench.language import Generated


@dataclass(frozen=True)
class Prompt:
    """One prompt for a decoder.  `extract` reads the answer from a text; draws are seeded by (seed, id).

    run: which of a decoder's independent runs on the prompt this is, where a budget bears several.
    step: what ends a step of reasoning.  grammar: a regular expression of the texts that answer it, if the task has
    one.  right: whether a text's answer is right; only verifiers that are meant to know may ask (see
    `bench.verifiers`), a decoder that asks by itself has cheated.
    """

    id: str
    text: str
    extract: Callable[[str], str | None]
    stop: tuple[str, ...]
    max_tokens: int
    step: str = "."
    grammar: str = ""
    right: Callable[[str], bool] | None = None
    run: int = 0


@dataclass(frozen=True)
class Cost:
    """What a decoder spent on one prompt, whatever became of it.

    tokens: those that the model was made to generate, thrown-away ones included, and those that a model read to verify.
    calls: texts and steps that were asked for.  checks: judgements of a verifier.
    """

    tokens: int = 0
    calls: int = 0
    checks: int = 0

    @staticmethod
    def of(pool: Sequence[Generated]) -> Cost:
        """The cost of drawing a pool and nothing else."""
        return Cost(sum(len(text.logprobs) for text in pool), len(pool))

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.calls + other.calls, self.checks + other.checks)


@dataclass(frozen=True)
class Decision:
    """A decoder's answer to one prompt ("" where none could be read), how sure it is, and its pool.

    cost: what it spent; none: what its pool cost to draw.
    """

    answer: str
    confidence: float
    pool: tuple[Generated, ...]
    cost: Cost | None = field(default=None, kw_only=True)

    @property
    def spent(self) -> Cost:
        """What it cost."""
        return self.cost or Cost.of(self.pool)


@dataclass(frozen=True)
class Judgement:
    """What a verifier says of n texts: scores (n,) in [0, 1], and the tokens (n,) that a model read for each."""

    scores: Float64s
    tokens: Ints

    @staticmethod
    def free(scores: Float64s) -> Judgement:
        """One for which no model was asked."""
        return Judgement(scores, np.zeros(len(scores), dtype=np.int64))
