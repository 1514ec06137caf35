"""Many texts a prompt, and the answer on which they agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.draws import Pool, draw_pools, probability
from bench.language import LanguageModel

_PAPER = "Wang et al. 2023, Self-Consistency Improves Chain of Thought Reasoning in Language Models"


@decoder("self-consistency", source=_PAPER, check="self-consistency")
def self_consistency(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    budget: int = 0,
) -> list[Decision]:
    """The answer that most of n samples give.

    A tie goes to the answer whose texts are more probable together, if the model tells that, then to the one given
    first.  The confidence is the winner's share of all n texts, those without a readable answer included; 0 where none
    has one.
    """
    pools = draw_pools(model, prompts, "self-consistency", seed, n, temperature, top_p, budget=budget)
    return [elect(pool, np.ones(len(pool.texts))) for pool in pools]


@decoder("self-consistency-weighted", source=_PAPER + " (normalised weighted sum)")
def self_consistency_weighted(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight, each of n samples weighing its probability per token: exp(mean log-probability).

    Ties and confidence as in `self-consistency`, with weights for votes.
    """
    pools = draw_pools(model, prompts, "self-consistency-weighted", seed, n, temperature, top_p, budget=budget)
    for pool in pools:
        pool.require_log_probs("self-consistency-weighted")
    return [elect(pool, per_token(pool)) for pool in pools]


def per_token(pool: Pool) -> Float64s:
    """Probability per token of each text, (n,): the exponential of its mean log-probability."""
    return np.exp([float(text.logprobs.mean()) if len(text.logprobs) else 0.0 for text in pool.texts])


def elect(pool: Pool, weights: Float64s) -> Decision:
    """The answer of most weight (n,) among the pool's."""
    votes: dict[str, float] = {}
    mass: dict[str, float] = {}
    for answer, weight, log_prob in zip(pool.answers, weights.tolist(), pool.log_probs, strict=True):
        if answer is not None:
            votes[answer] = votes.get(answer, 0.0) + weight
            mass[answer] = mass.get(answer, 0.0) + (0.0 if np.isnan(log_prob) else probability(log_prob))
    if not votes:
        return Decision("", 0.0, pool.texts)
    winner = max(votes, key=lambda answer: (votes[answer], mass[answer]))  # the first of equals
    return Decision(winner, min(1.0, votes[winner] / float(weights.sum())), pool.texts)
