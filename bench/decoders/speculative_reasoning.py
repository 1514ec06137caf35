"""Speculative reasoning: a small model drafts each step, the large one keeps it or writes its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s
from bench.capabilities import Machine
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.draws import Pool, stepped
from bench.decoders.guided import MOST_STEPS
from bench.decoders.self_consistency import elect
from bench.decoders.stepping import Choice, Partial, Stepper, Stream, Tempered, opened
from bench.errors import UsageError
from bench.language import LanguageModel
from bench.models.building import named_model
from bench.seeds import generator

PAPER = "SpecReason: Fast and Accurate Inference-Time Compute via Speculative Reasoning"


@dataclass(frozen=True)
class Reasoned(Decision):
    """A decision that also says how many steps there were and drafts were kept, and what the draft model wrote."""

    steps: int = 0
    kept: int = 0
    drafted_tokens: int = 0


class _Reading:
    """Take the tokens that are given, one after the other: for texts that a model reads rather than writes."""

    def __init__(self, tokens: dict[int, tuple[int, ...]]) -> None:
        self.tokens = tokens

    def __call__(self, log_probs: Float64s, one: Partial, _: Stream) -> Choice:
        """See `Pick`."""
        token = self.tokens[one.prompt][len(one.tokens)]
        return Choice(token, float(log_probs[token]))


@decoder(
    "speculative-reasoning",
    source="Pan et al. 2025, SpecReason",
    papers=(PAPER,),
    check="speculative-reasoning",
)
def speculative_reasoning(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    draft: str = "lm-small",
    accept: float = 0.7,
    temperature: float = 0.7,
    budget: int = 0,
) -> list[Decision]:
    """One text whose steps a smaller model drafts; a step that the model finds unlikely it writes itself.

    draft: a model with the same tokenizer.  accept: the least probability per token, under the model, of a draft that
    stays; 0 keeps all drafts, above 1 none.  Reading a draft costs its tokens, like writing them.  With a budget there
    are as many texts as it surely bears, and they vote; the confidence is the answer's share.
    """
    name = "speculative-reasoning"
    require(accept >= 0, name, "accept", accept, "at least 0")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require_budget(name, budget)
    small = named_model(draft, getattr(stepped(model, name), "machine", Machine()))

    def run(some: list[Prompt]) -> list[Reasoned]:
        streams = [generator(seed, name, p.id, p.run) for p in some]
        return reason(model, small, some, streams, accept, temperature)

    found = repeated(prompts, budget, lambda p: 3 * p.max_tokens, run, lambda one: one.spent)
    out: list[Decision] = []
    for runs in found:
        texts = tuple(text for one in runs for text in one.pool)
        pool = Pool(texts, tuple(one.answer or None for one in runs))
        decision = elect(pool, np.ones(len(texts)))
        out.append(
            Reasoned(
                decision.answer,
                decision.confidence,
                texts,
                sum(one.steps for one in runs),
                sum(one.kept for one in runs),
                sum(one.drafted_tokens for one in runs),
                cost=sum((one.spent for one in runs), Cost()),
            )
        )
    return out


def reason(
    model: LanguageModel,
    small: LanguageModel,
    prompts: Sequence[Prompt],
    streams: Sequence[Stream],
    accept: float,
    temperature: float,
) -> list[Reasoned]:
    """One text for each prompt."""
    name = "speculative-reasoning"
    count = len(prompts)
    steps, kept, read = np.zeros(count, int), np.zeros(count, int), np.zeros(count, int)
    with opened(model, name, prompts) as large_session, opened(small, name, prompts) as small_session:
        if large_session.end_tokens != small_session.end_tokens:
            raise UsageError(
                f"'{name}' can't draft with this model",
                cause="the two models end their texts by other tokens: their tokenizers differ",
                fix="name a draft with the tokenizer of the model: draft=NAME",
            )
        large, little = Stepper(large_session, prompts), Stepper(small_session, prompts)
        now, drafts = list(large.roots), list(little.roots)
        for _ in range(MOST_STEPS):
            going = [k for k in range(count) if not now[k].ended]
            if not going:
                break
            noises = [streams[k] for k in going]
            proposed = little.grow([drafts[k] for k in going], noises, Tempered(temperature))
            own = [one.tokens[len(now[k].tokens) :] for k, one in zip(going, proposed, strict=True)]
            reading = _Reading({k: one.tokens for k, one in zip(going, proposed, strict=True)})
            sizes = [len(tokens) for tokens in own]
            judged = large.grow([now[k] for k in going], noises, reading, tokens=sizes, steps=False)
            read[going] += sizes
            good = _likely(judged, [now[k] for k in going], accept)
            steps[going] += 1
            for k, one, new, stays in zip(going, judged, proposed, good.tolist(), strict=True):
                if stays:
                    now[k], drafts[k] = one, new
                    kept[k] += 1
            again = [k for k, stays in zip(going, good.tolist(), strict=True) if not stays]
            written = large.grow([now[k] for k in again], [streams[k] for k in again], Tempered(temperature))
            for k, one in zip(again, written, strict=True):
                now[k] = one
            behind = [k for k in again if not now[k].ended]
            follow = _caught_up(little, [drafts[k] for k in behind], [now[k] for k in behind])
            for k, one in zip(behind, follow, strict=True):
                drafts[k] = one
        out = []
        for k, prompt in enumerate(prompts):
            text = large.generated(now[k])
            answer = prompt.extract(text.text)
            # What the model read and wrote is counted by its stepper, what was drafted by the other's.
            drafted = int(little.tokens[k])
            cost = large.cost(k) + Cost(drafted, int(little.calls[k]), int(steps[k]))
            made = Reasoned(
                answer or "", 1.0 if answer else 0.0, (text,), int(steps[k]), int(kept[k]), drafted, cost=cost
            )
            out.append(made)
    return out


def _likely(judged: Sequence[Partial], before: Sequence[Partial], accept: float) -> Bools:
    means = [float(np.mean(one.logprobs[len(old.tokens) :])) for one, old in zip(judged, before, strict=True)]
    return np.exp(np.array(means)) >= accept


def _caught_up(little: Stepper, drafts: Sequence[Partial], written: Sequence[Partial]) -> list[Partial]:
    """The draft model's texts brought to what the large one wrote, which it reads at no count of its own."""
    before = little.tokens.copy(), little.calls.copy()
    reading = _Reading({one.prompt: one.tokens for one in written})
    sizes = [len(one.tokens) - len(draft.tokens) for one, draft in zip(written, drafts, strict=True)]
    found = little.grow(drafts, [generator(0) for _ in drafts], reading, tokens=sizes, steps=False)
    little.tokens, little.calls = before
    return found
