"""Search guided by a verifier of unfinished texts: step by step, by beams, and with early rejection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.best_of_n import BAG, picked
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.stepping import Partial, Stepper, Stream, Tempered, opened
from bench.language import LanguageModel
from bench.seeds import generator
from bench.verifiers.judging import DEFAULT, Judge, Verify

ALPHA_MATH = "AlphaMath Almost Zero: process Supervision without process"
EARLY = "Accelerating LLM Reasoning via Early Rejection with Partial Reward Modeling"
# A text of so many steps has lost its way.
MOST_STEPS = 64


@dataclass(frozen=True)
class Searched:
    """What a search ended with: texts, the verifier's scores of them (n,), and the cost."""

    pool: Pool
    scores: tuple[float, ...]
    cost: Cost


def decide(prompt: Prompt, runs: Sequence[Searched]) -> Decision:
    """The best of the texts of all runs."""
    texts = tuple(text for run in runs for text in run.pool.texts)
    scores = np.array([score for run in runs for score in run.scores])
    pool = Pool(texts, tuple(prompt.extract(text.text) for text in texts))
    return picked(pool, scores, sum((run.cost for run in runs), Cost()))


@decoder(
    "step-best-of-n",
    source="Lightman et al. 2023, Let's Verify Step by Step; Liu et al. 2025, Bag of Tricks",
    papers=(BAG,),
    check="guided-search",
)
def step_best_of_n(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 4,
    temperature: float = 0.7,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """At each step the best of n sampled ones, by a verifier of texts under way; its last score is the confidence.

    With a budget it is repeated while it surely fits, and the best of the texts is taken.
    """
    return _searched("step-best-of-n", model, prompts, seed, 1, n, temperature, verifier, (fpr, fnr), budget)


@decoder(
    "value-beam",
    source="Chen et al. 2024, AlphaMath Almost Zero (step-level beam search)",
    papers=(ALPHA_MATH,),
    check="guided-search",
)
def value_beam(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    width: int = 2,
    n: int = 4,
    temperature: float = 0.7,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """Beams of steps: each of `width` texts goes on in n sampled ways, and the `width` of highest value stay.

    The value is a verifier's score of the text so far.  Texts that have ended keep their place while they are among
    the best.  With a budget it is repeated while it surely fits.
    """
    require(isinstance(width, int) and width >= 1, "value-beam", "width", width, "a whole number of at least 1")
    return _searched("value-beam", model, prompts, seed, width, n, temperature, verifier, (fpr, fnr), budget)


def _searched(
    name: str,
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    width: int,
    n: int,
    temperature: float,
    verifier: str | Verify,
    rates: tuple[float, float],
    budget: int,
) -> list[Decision]:
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require_budget(name, budget)

    def run(some: list[Prompt]) -> list[Searched]:
        judge = Judge(model, name, seed, verifier, *rates)
        with opened(model, name, some) as session:
            stepper = Stepper(session, some, budget)
            return step_search(stepper, judge, seed, name, width, n, temperature)

    found = repeated(prompts, budget, lambda p: width * n * p.max_tokens, run, lambda one: one.cost)
    return [decide(prompt, runs) for prompt, runs in zip(prompts, found, strict=True)]


def step_search(
    stepper: Stepper, judge: Judge, seed: int, scope: str, width: int, n: int, temperature: float
) -> list[Searched]:
    """Step-level beam search for each prompt; the streams are those of (seed, scope, prompt's id and run, way)."""
    prompts = stepper.prompts
    # From one text, width · n ways fill the beams as later rounds do.
    scopes = [f"{scope}|{p.run}" if p.run else scope for p in prompts]
    streams = [
        [generator(seed, own, p.id, way) for way in range(width * n)] for own, p in zip(scopes, prompts, strict=True)
    ]
    beams: list[list[Partial]] = [[root] for root in stepper.roots]
    values: list[list[float]] = [[0.0] for _ in prompts]
    for _ in range(MOST_STEPS):
        asked = [
            (k, place, one, streams[k][way % (width * n)])
            for k, own in enumerate(beams)
            if not all(one.ended for one in own)
            for way, (place, one) in enumerate(_ways(own, width, n))
        ]
        if not asked:
            break
        ones, noises = [one for *_, one, _ in asked], [stream for *_, stream in asked]
        grown = stepper.grow(ones, noises, Tempered(temperature))
        scores = scored(stepper, judge, grown)
        new: dict[int, list[tuple[int, Partial, float]]] = {}
        for (k, place, *_), one, score in zip(asked, grown, scores, strict=True):
            new.setdefault(k, []).append((place, one, score))
        for k, own in new.items():
            # A text that has ended stands where it stood, so that of equal values none goes first for being longer.
            candidates = [
                (place, one, value)
                for place, (one, value) in enumerate(zip(beams[k], values[k], strict=True))
                if one.ended
            ] + own
            candidates.sort(key=lambda candidate: candidate[0])
            best = sorted(candidates, key=lambda candidate: -candidate[2])[:width]
            beams[k], values[k] = [one for _, one, _ in best], [value for *_, value in best]
    return [_result(stepper, judge, k, beams[k], values[k]) for k in range(len(prompts))]


def _ways(own: Sequence[Partial], width: int, n: int) -> list[tuple[int, Partial]]:
    """The texts to go on with and their places, each as often as it branches; those that have ended don't."""
    if len(own) == 1 and not own[0].tokens:
        return [(0, own[0])] * (width * n)
    return [(place, one) for place, one in enumerate(own) if not one.ended for _ in range(n)]


def scored(stepper: Stepper, judge: Judge, partials: Sequence[Partial]) -> list[float]:
    """The verifier's scores of texts, some of which may have ended."""
    out = [0.0] * len(partials)
    for whole in (True, False):
        rows = [k for k, one in enumerate(partials) if one.ended == whole]
        if not rows:
            continue
        texts = [stepper.generated(partials[k]) for k in rows]
        found = judge([stepper.prompts[partials[k].prompt] for k in rows], texts, whole=whole)
        for k, score in zip(rows, found.tolist(), strict=True):
            out[k] = score
    return out


def _result(stepper: Stepper, judge: Judge, k: int, beams: Sequence[Partial], values: Sequence[float]) -> Searched:
    prompt = stepper.prompts[k]
    texts = tuple(stepper.generated(one) for one in beams)
    pool = Pool(texts, tuple(prompt.extract(text.text) for text in texts))
    return Searched(pool, tuple(values), stepper.cost(k) + judge.cost(prompt))


@decoder(
    "early-rejection",
    source="Cheshmi et al. 2025, Accelerating LLM Reasoning via Early Rejection with Partial Reward Modeling",
    papers=(EARLY, "Adaptive Inference-Time Compute: LLMs Can Predict if They Can Do Better, Even Mid-Generation"),
    check="early-rejection",
)
def early_rejection(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    tokens: int = 12,
    keep: float = 0.25,
    temperature: float = 0.7,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """Best-of-N that finishes only the beginnings of promise.

    n texts get their first `tokens` tokens, a verifier scores these, and the best share `keep` of them goes on to the
    end, where the verifier picks one.  With a budget it is repeated while it surely fits.
    """
    name = "early-rejection"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(isinstance(tokens, int) and tokens >= 1, name, "tokens", tokens, "a whole number of at least 1")
    require(0 < keep <= 1, name, "keep", keep, "above 0 and at most 1")
    require_budget(name, budget)
    stay = max(1, round(keep * n))

    def run(some: list[Prompt]) -> list[Searched]:
        judge = Judge(model, name, seed, verifier, fpr, fnr)
        with opened(model, name, some) as session:
            stepper = Stepper(session, some, budget)
            streams = [generator(seed, name, p.id, p.run * n + way) for p in some for way in range(n)]
            return reject_early(stepper, judge, streams, n, tokens, stay, temperature)

    def most(prompt: Prompt) -> int:
        short = min(tokens, prompt.max_tokens)
        return n * short + stay * (prompt.max_tokens - short)

    found = repeated(prompts, budget, most, run, lambda one: one.cost)
    return [decide(prompt, runs) for prompt, runs in zip(prompts, found, strict=True)]


def reject_early(
    stepper: Stepper, judge: Judge, streams: Sequence[Stream], n: int, tokens: int, stay: int, temperature: float
) -> list[Searched]:
    """N beginnings of each prompt, of which the best `stay` are finished; streams: one for each of them in order."""
    ways = [root for root in stepper.roots for _ in range(n)]
    begun = stepper.grow(ways, streams, Tempered(temperature), tokens=tokens, steps=False)
    early = np.array(scored(stepper, judge, begun)).reshape(-1, n)
    # The first of equals stay.
    kept = [k * n + way for k, row in enumerate(early) for way in sorted(np.argsort(-row, kind="stable")[:stay])]
    done = stepper.grow([begun[k] for k in kept], [streams[k] for k in kept], Tempered(temperature), steps=False)
    final = scored(stepper, judge, done)
    return [
        _result(stepper, judge, k, done[k * stay : (k + 1) * stay], final[k * stay : (k + 1) * stay])
        for k in range(len(stepper.prompts))
    ]
