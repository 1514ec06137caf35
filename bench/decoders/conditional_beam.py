"""Beam search for the likeliest text among those that are an answer at all."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.beam import Hypothesis, decided, search
from bench.decoders.budget import require, require_budget
from bench.language import Generated, LanguageModel
from bench.verifiers.judging import Judge, Verify

PAPER = "Making the Most of your Model: Methods for Finetuning and Applying Pretrained Transformers"
_GRAM = 4


@decoder(
    "conditional-beam",
    source="Yoshida, Goyal and Gimpel 2023, MAP's not dead yet: the mode given an attribute",
    papers=(PAPER,),
    check="conditional-beam",
)
def conditional_beam(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    width: int = 4,
    repeats: int = 3,
    verifier: str | Verify = "",
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """The likeliest text that is not degenerate, among those that `width` beams reach.

    Degenerate are texts without a readable answer, and those in which four tokens in a row come more than `repeats`
    times; the search knows that of beginnings as soon as it is certain.  With a verifier, its scores stand for the
    probability that a beginning ends well, and beams are ranked by log-probability + log(score).  Confidence as in
    `beam`.
    """
    name = "conditional-beam"
    require(isinstance(width, int) and width >= 1, name, "width", width, "a whole number of at least 1")
    require(isinstance(repeats, int) and repeats >= 1, name, "repeats", repeats, "a whole number of at least 1")
    require_budget(name, budget)
    judge = Judge(model, name, seed, verifier, fpr, fnr) if verifier else None

    def attribute(prompt: Prompt, made: Hypothesis) -> float:
        if made.text is not None and prompt.extract(made.text) is None:
            return -math.inf
        if max(Counter(zip(*(made.tokens[k:] for k in range(_GRAM)), strict=False)).values(), default=0) > repeats:
            return -math.inf
        if judge is None or made.text is None:
            return 0.0
        text = Generated(made.text, np.array(made.tokens, dtype=np.int64), np.array(made.logprobs), made.stopped)
        (score,) = judge([prompt], [text])
        return math.log(score) if score > 0 else -math.inf

    found = search(model, prompts, width, budget=budget, attribute=attribute)
    out = []
    for prompt, one in zip(prompts, found, strict=True):
        decision = decided(prompt, one)
        cost = one.cost if judge is None else one.cost + judge.cost(prompt)
        out.append(Decision(decision.answer, decision.confidence, decision.pool, cost=cost))
    return out
