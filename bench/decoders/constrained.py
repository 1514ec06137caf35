"""Texts of a grammar with the probabilities that the model itself gives them: ASAp, and weighted rejection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.particle_gibbs import Cloud, Group, Trajectory, sweep
from bench.decoders.particles import Population, merged, vote
from bench.decoders.self_consistency import elect
from bench.decoders.stepping import Choice, Partial, Stepper, Stream, opened
from bench.errors import UsageError
from bench.language import Generated, LanguageModel, Session
from bench.seeds import generator

ALIGNED = "Grammar-Aligned Decoding"
AWRS = "Fast Controlled Generation from Language Models with Adaptive Weighted Rejection Sampling"


# Of a token less likely than this, the grammar is asked only once it is drawn.
_LIKELY = 1e-6


class Grammar:
    """What texts of a prompt may be: those that match its regular expression, or from which an answer can be read.

    A text under way is viable while some text that begins with it may match; without an expression that is never
    known before its end.
    """

    def __init__(self, session: Session, prompt: Prompt, length: int, name: str) -> None:
        self.session = session
        self.prompt = prompt
        self.length = length
        self.checks = 0
        self.pattern = _pattern(prompt.grammar, name) if prompt.grammar else None

    def viable(self, tokens: tuple[int, ...], room: int = 1) -> bool:
        """Whether a text of these tokens may still become, or if the last one ends it is, one of the grammar."""
        self.checks += 1
        text = self.session.closed(tokens, self.prompt.stop)
        if text is None and (len(tokens) >= self.length or room < 1):
            text = self.session.text(tokens)
        if text is not None:
            return self.pattern.fullmatch(text) is not None if self.pattern else self.prompt.extract(text) is not None
        return self.pattern is None or self.pattern.fullmatch(self.session.text(tokens), partial=True) is not None


def _pattern(text: str, name: str) -> Any:
    import regex

    try:
        return regex.compile(text)
    except regex.error as error:
        raise UsageError(
            f"'{name}' can't read the task's grammar", cause=f"{text!r}: {error}", fix="mend the task's Reading"
        ) from error


@dataclass(eq=False)
class Bounds:
    """What is known after a prefix: probabilities of its next tokens, and the most that may become of each, (V,)."""

    probs: Float64s
    hopes: Float64s

    @classmethod
    def of(cls, probs: Float64s, tokens: tuple[int, ...], grammar: Grammar) -> Bounds:
        """The first bounds after these tokens: 1 or 0 by the grammar, 1 for what is too unlikely to be looked at."""
        likely = np.flatnonzero(probs >= _LIKELY)
        hopes = np.ones(len(probs))
        hopes[likely] = [float(grammar.viable((*tokens, token))) for token in likely.tolist()]
        return cls(probs, hopes)

    @property
    def hope(self) -> float:
        """The most of its mass that can be in the grammar."""
        return float(self.probs @ self.hopes)


class Aligned:
    """Draw tokens by p · c, where c bounds from above how much of what follows is in the grammar.

    c starts at 1 for tokens that are viable and 0 for others; `learn` lowers it to what was found along a text.  With
    more texts the law comes near that of the model's own texts, given the grammar.
    """

    def __init__(self, grammars: Sequence[Grammar]) -> None:
        self.grammars = grammars
        self.tries: list[dict[tuple[int, ...], Bounds]] = [{} for _ in grammars]

    def __call__(self, log_probs: Float64s, one: Partial, stream: Stream) -> Choice:
        """See `Pick`."""
        known = self.tries[one.prompt]
        if one.tokens not in known:
            grammar = self.grammars[one.prompt]
            known[one.tokens] = Bounds.of(np.exp(log_probs), one.tokens, grammar)
        bounds = known[one.tokens]
        while (mass := bounds.probs * bounds.hopes).sum() > 0:
            upto = mass.cumsum()
            token = int(np.searchsorted(upto, min(stream.random() * upto[-1], np.nextafter(upto[-1], 0)), side="right"))
            if bounds.probs[token] >= _LIKELY or self.grammars[one.prompt].viable((*one.tokens, token)):
                return Choice(token, float(np.log(mass[token] / upto[-1])))
            bounds.hopes[token] = 0.0
        return Choice(int(log_probs.argmax()), math.inf)  # a dead end, which is learnt from

    def learn(self, one: Partial) -> bool:
        """Lower the bounds along a text that has ended; whether it is in the grammar."""
        known = self.tries[one.prompt]
        good = math.inf not in one.drawn and self.grammars[one.prompt].viable(one.tokens)
        hope = float(good)
        for size in range(len(one.tokens) - 1, -1, -1):
            bounds = known[one.tokens[:size]]
            bounds.hopes[one.tokens[size]] = min(hope, bounds.hopes[one.tokens[size]])
            hope = bounds.hope
        return good


@decoder(
    "grammar-aligned",
    source="Park et al. 2024, Grammar-Aligned Decoding (ASAp)",
    papers=(ALIGNED,),
    check="grammar-aligned",
)
def grammar_aligned(
    model: LanguageModel, prompts: Sequence[Prompt], seed: int, n: int = 8, budget: int = 0
) -> list[Decision]:
    """The answer that most of n texts of the grammar give, drawn one after the other with what the others taught.

    The first text is drawn as constrained decoding draws it; with more, the law comes near the model's own, given the
    grammar: the task's regular expression, or where it has none, that an answer can be read.
    """
    name = "grammar-aligned"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require_budget(name, budget)
    with opened(model, name, prompts) as session:
        stepper = Stepper(session, prompts, budget)
        found, checks = aligned_texts(stepper, [generator(seed, name, p.id) for p in prompts], n, budget)
        out = []
        for k, (prompt, texts) in enumerate(zip(prompts, found, strict=True)):
            made: tuple[Generated, ...] = tuple(stepper.generated(one) for one, _ in texts)
            answers = [prompt.extract(t.text) if good else None for t, (_, good) in zip(made, texts, strict=True)]
            decision = elect(Pool(made, tuple(answers)), np.ones(len(made)))
            cost = stepper.cost(k) + Cost(0, 0, checks[k])
            out.append(Decision(decision.answer, decision.confidence, made, cost=cost))
        return out


def aligned_texts(
    stepper: Stepper, streams: Sequence[Stream], n: int, budget: int = 0
) -> tuple[list[list[tuple[Partial, bool]]], list[int]]:
    """For each prompt n texts, or those that a budget bears, whether each is in the grammar, and the tokens checked."""
    grammars = [
        Grammar(stepper.session, prompt, length, "grammar-aligned")
        for prompt, length in zip(stepper.prompts, stepper.lengths, strict=True)
    ]
    pick = Aligned(grammars)
    found: list[list[tuple[Partial, bool]]] = [[] for _ in stepper.prompts]
    going = list(range(len(stepper.prompts)))
    while going:
        roots = [stepper.roots[k] for k in going]
        grown = stepper.grow(roots, [streams[k] for k in going], pick, steps=False)
        for k, one in zip(going, grown, strict=True):
            found[k].append((one, pick.learn(one)))
        going = [
            k
            for k in going
            if (stepper.tokens[k] + stepper.lengths[k] <= budget and found[k][-1][0].tokens)
            or (not budget and len(found[k]) < n)
        ]
    return found, [grammar.checks for grammar in grammars]


class Rejecting:
    """Draw a token that is viable, by drawing until one is, and weigh it so that nothing is distorted.

    Tokens that were rejected are drawn no more.  A second such pass, after the token is found, tells how much mass
    there is to find: the weight (1 - mass rejected at first) / (1 + rejections of both passes) is right in expectation
    together with the token (Lipkin et al. 2025).
    """

    def __init__(self, grammars: Sequence[Grammar]) -> None:
        self.grammars = grammars

    def __call__(self, log_probs: Float64s, one: Partial, stream: Stream) -> Choice:
        """See `Pick`: the weight is p over what is said to be the probability of the draw."""
        grammar = self.grammars[one.prompt]
        token, weight = weigh(np.exp(log_probs), lambda t: grammar.viable((*one.tokens, t)), stream)
        return Choice(token, float(log_probs[token]) - math.log(weight) if weight > 0 else math.inf)


def weigh(probs: Float64s, allowed: Any, stream: Stream) -> tuple[int, float]:
    """A token that `allowed` accepts, and its weight; the likeliest, weighing 0, where there is none."""
    mass = probs.copy()
    chosen = -1
    first = 0.0
    count = 0
    while mass.sum() > 0:
        upto = mass.cumsum()
        token = int(np.searchsorted(upto, min(stream.random() * upto[-1], np.nextafter(upto[-1], 0)), side="right"))
        if allowed(token):
            if chosen >= 0:
                return chosen, (1 - first) / (count + 1)
            chosen = token
            continue
        mass[token] = 0.0
        if chosen < 0:
            first += float(probs[token])
        count += 1
    return int(probs.argmax()), 0.0


@decoder(
    "awrs",
    source="Lipkin et al. 2025, Adaptive Weighted Rejection Sampling, with sequential Monte Carlo",
    papers=(AWRS,),
    check="awrs",
)
def awrs(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    threshold: float = 0.5,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most weight among n particles that follow the model's own texts, given the grammar.

    Only tokens that were drawn are checked against the grammar (the task's regular expression, or where it has none,
    that an answer can be read).  The confidence is the answer's share of the weight; with a budget there are as many
    populations as it surely bears.
    """
    name = "awrs"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(0 <= threshold <= 1, name, "threshold", threshold, "from 0 to 1")
    require_budget(name, budget)

    def run(some: list[Prompt]) -> list[Population]:
        with opened(model, name, some) as session:
            stepper = Stepper(session, some, budget)
            streams = [generator(seed, name, p.id, p.run) for p in some]
            clouds, checks = constrained(stepper, streams, n, threshold)
            return [
                Population(
                    tuple(stepper.generated(one.now) for one in cloud.particles),
                    cloud.weights if cloud.log_evidence > -math.inf else np.zeros(n),
                    cloud.log_evidence,
                    stepper.cost(k) + Cost(0, 0, count),
                )
                for k, (cloud, count) in enumerate(zip(clouds, checks, strict=True))
            ]

    found = repeated(prompts, budget, lambda prompt: n * prompt.max_tokens, run, lambda one: one.cost)
    return [vote(prompt, merged(populations)) for prompt, populations in zip(prompts, found, strict=True)]


def constrained(stepper: Stepper, streams: Sequence[Stream], n: int, threshold: float) -> tuple[list[Cloud], list[int]]:
    """For each prompt the cloud of n particles, and how many tokens were checked."""
    grammars = [
        Grammar(stepper.session, prompt, length, "awrs")
        for prompt, length in zip(stepper.prompts, stepper.lengths, strict=True)
    ]
    groups = [Group(k, stream) for k, stream in enumerate(streams)]

    def even(new: Sequence[Trajectory]) -> Float64s:
        return np.zeros(len(new))

    clouds = sweep(stepper, groups, even, n, Rejecting(grammars), tokens=1, threshold=threshold)
    return clouds, [grammar.checks for grammar in grammars]
