"""Samples from the model's own distribution over texts, sharpened to a power: Markov chains over suffixes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.self_consistency import elect
from bench.decoders.stepping import Partial, Stepper, Stream, Tempered, opened
from bench.language import Generated, LanguageModel
from bench.seeds import generator

PAPER = "Reasoning with Sampling: Your Base Model is Smarter Than You Think"


@dataclass(frozen=True)
class Chain:
    """Where a chain ended: the text, how many moves were tried and made, and the cost."""

    text: Generated
    tried: int
    moved: int
    cost: Cost


def log_ratio(old: Partial, new: Partial, cut: int, power: float) -> float:
    """Logarithm of the Metropolis–Hastings ratio of a move that redrew all tokens from `cut` on.

    p(new)^α / p(old)^α · q(old's suffix) / q(new's suffix) · length(old) / length(new): the cut is uniform over a
    text's tokens, so a longer text is cut at a given place more seldom.
    """
    target = power * (sum(new.logprobs[cut:]) - sum(old.logprobs[cut:]))
    proposal = sum(old.drawn[cut:]) - sum(new.drawn[cut:])
    return target + proposal + math.log(len(old.tokens) / len(new.tokens))


@decoder(
    "power",
    source="Karan and Du 2025, Reasoning with Sampling: Your Base Model is Smarter Than You Think",
    papers=(PAPER,),
    check="power-sampling",
)
def power_sampling(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    power: float = 4.0,
    block: int = 16,
    moves: int = 4,
    temperature: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """One text from about p(text)^power, by Metropolis–Hastings, block by block.

    Each `block` tokens more, `moves` times a cut is drawn uniformly and the text redrawn from it at `temperature` (0:
    1 / power), and kept with the chance that makes p^power its stationary law; so again where the text has ended.
    With a budget there are as many chains as it surely bears, and they vote.  The confidence is the answer's share of
    the chains.
    """
    name = "power"
    require(power > 0, name, "power", power, "above 0")
    require(isinstance(block, int) and block >= 1, name, "block", block, "a whole number of at least 1")
    require(isinstance(moves, int) and moves >= 0, name, "moves", moves, "a whole number of at least 0")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require_budget(name, budget)

    def run(some: list[Prompt]) -> list[Chain]:
        with opened(model, name, some) as session:
            stepper = Stepper(session, some, budget)
            streams = [generator(seed, name, p.id, p.run) for p in some]
            return chains(stepper, streams, power, block, moves, temperature or 1 / power)

    def most(prompt: Prompt) -> int:
        blocks = math.ceil(prompt.max_tokens / block)
        each = [min(prompt.max_tokens, block * (k + 1)) for k in range(blocks)]
        return prompt.max_tokens + moves * (sum(each) + prompt.max_tokens)

    found = repeated(prompts, budget, most, run, lambda one: one.cost)
    out = []
    for prompt, runs in zip(prompts, found, strict=True):
        texts = tuple(chain.text for chain in runs)
        pool = Pool(texts, tuple(prompt.extract(text.text) for text in texts))
        decision = elect(pool, np.ones(len(texts)))
        cost = sum((chain.cost for chain in runs), Cost())
        out.append(Decision(decision.answer, decision.confidence, texts, cost=cost))
    return out


def chains(
    stepper: Stepper, streams: Sequence[Stream], power: float, block: int, moves: int, temperature: float
) -> list[Chain]:
    """One chain a prompt.  While it grows its target is p^power over texts of so many blocks at most, then over all."""
    count = len(stepper.prompts)
    pick = Tempered(temperature)
    now = list(stepper.roots)
    # Where each can be taken up again: the states at the ends of its blocks.
    marks: list[list[Partial]] = [[root] for root in stepper.roots]
    tried, moved = [0] * count, [0] * count
    blocks = 0
    while going := [k for k in range(count) if not now[k].ended]:
        grown = stepper.grow([now[k] for k in going], [streams[k] for k in going], pick, tokens=block, steps=False)
        blocks += 1
        for k, one in zip(going, grown, strict=True):
            now[k] = one
        for _ in range(moves):
            ends = [blocks * block] * count
            _move(stepper, streams, going, now, marks, pick, power, ends, (tried, moved))
        for k in going:
            marks[k].append(now[k])
    # Whole texts at last, however early they ended: only this has p^power over all texts for its law.
    whole = [k for k in range(count) if now[k].tokens]
    for _ in range(moves):
        _move(stepper, streams, whole, now, marks, pick, power, stepper.lengths, (tried, moved))
    return [Chain(stepper.generated(now[k]), tried[k], moved[k], stepper.cost(k)) for k in range(count)]


def _move(
    stepper: Stepper,
    streams: Sequence[Stream],
    going: Sequence[int],
    now: list[Partial],
    marks: list[list[Partial]],
    pick: Tempered,
    power: float,
    ends: Sequence[int],
    counts: tuple[list[int], list[int]],
) -> None:
    """Try to redraw each text from a cut of its own, up to `ends[k]` tokens."""
    cuts = [int(streams[k].integers(len(now[k].tokens))) for k in going]
    starts = [
        next(mark for mark in reversed(marks[k]) if len(mark.tokens) <= cut and not mark.ended)
        for k, cut in zip(going, cuts, strict=True)
    ]
    proposed = stepper.grow(
        starts,
        [streams[k] for k in going],
        pick,
        tokens=[ends[k] - cut for k, cut in zip(going, cuts, strict=True)],
        steps=False,
        forced=[now[k].tokens[len(start.tokens) : cut] for k, start, cut in zip(going, starts, cuts, strict=True)],
    )
    for k, cut, new in zip(going, cuts, proposed, strict=True):
        counts[0][k] += 1
        if math.log(max(streams[k].random(), 1e-300)) < log_ratio(now[k], new, cut, power):
            counts[1][k] += 1
            # What was forced is what the old text drew there.
            now[k] = replace(new, drawn=(*now[k].drawn[:cut], *new.drawn[cut:]))
            # States beyond the cut belong to the text that was left.
            marks[k] = [mark for mark in marks[k] if len(mark.tokens) <= cut] + [
                mark for mark in marks[k] if len(mark.tokens) > cut and mark.tokens == new.tokens[: len(mark.tokens)]
            ]
