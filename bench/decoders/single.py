"""One text a prompt: the likeliest token each time, or one sample."""

from __future__ import annotations

from collections.abc import Sequence

from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.draws import Pool, draw_pools, probability
from bench.language import LanguageModel


@decoder(
    "greedy", source="the plain baseline; its confidence as in Aichberger et al. 2024 (G-NLL)", check="language-greedy"
)
def greedy(model: LanguageModel, prompts: Sequence[Prompt], seed: int) -> list[Decision]:
    """The likeliest token at each step.

    The confidence, in [0, 1], is the model's probability of the whole text, steps and end included.  Since other texts
    may lead to the same answer, it bounds from below how often the model, sampled at temperature 1, would give that
    answer.  Where no answer can be read it is 0.
    """
    return [decision(pool, "greedy") for pool in draw_pools(model, prompts, "greedy", seed, 1, 0.0, 1.0)]


@decoder(
    "sample", source="ancestral sampling; top_p: Holtzman et al. 2020, nucleus sampling", check="language-sampling"
)
def sample(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, temperature: float = 1.0, top_p: float = 1.0
) -> list[Decision]:
    """One sample.  The confidence is that of `greedy`: the model's own probability (temperature 1) of the text."""
    return [decision(pool, "sample") for pool in draw_pools(model, prompts, "sample", seed, 1, temperature, top_p)]


def decision(pool: Pool, decoder: str) -> Decision:
    """The answer of a pool of one text, as sure as the model is of that text."""
    pool.require_log_probs(decoder)
    (answer,), (log_prob,) = pool.answers, pool.log_probs
    if answer is None:
        return Decision("", 0.0, pool.texts)
    return Decision(answer, probability(log_prob), pool.texts)
