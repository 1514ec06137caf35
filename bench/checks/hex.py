"""Unmasking in blocks against enumeration, on a masked model whose conditionals are those of a Markov chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import comb, log

import numpy as np

from bench.arrays import Bools, Float64s, Ints
from bench.checks.language import chi_squared
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.hex import hex_
from bench.language import Draw, Generated, Scored
from bench.models.unmasking import unmask
from bench.references.chains import Chain, sticky
from bench.seeds import generator

_LENGTH = 5
_DRAWS = 4000


@dataclass
class ChainLM:
    """A masked-diffusion model over letters whose texts are those of a chain; prompts say nothing to it."""

    chain: Chain
    canvas: int = _LENGTH

    def encoded(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """See `Denoising`."""
        return [()] * len(texts)

    def fill(self, before: Sequence[tuple[int, ...]], tokens: Ints, hidden: Bools) -> Float64s:
        """See `Denoising`: exact."""
        del before
        return self.chain.conditionals(tokens, hidden)

    def read(self, tokens: Sequence[int], stop: Sequence[str]) -> tuple[str, int, bool]:
        """See `Denoising`: a text is as long as the canvas."""
        del stop
        return "".join("abc"[token] for token in tokens), len(tokens), False

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        """See `LanguageModel`."""
        noise = np.array([generator(draw.seed).random(self.canvas) for draw in draws])
        return [one.generated for one in unmask(self, self.encoded([d.prompt for d in draws]), noise, (), 1)]

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """See `LanguageModel`."""
        raise NotImplementedError


@check(
    "hex", area="reasoning", source="the chain's joint and each schedule's law by enumeration; Poisson-binomial votes"
)
def hex_check() -> list[Truth]:
    """Texts of several schedules against their laws (χ²), which with one token a pass are all the chain's own.

    With two a pass the law is another, as far from the chain as the two tell of each other; votes of independent
    schedules are right as often as the Poisson-binomial law says; one schedule alone gives its own text's answer.
    """
    from scipy.special import chdtri

    model = ChainLM(sticky(3, 0.7))
    joint = {text: float(np.exp(model.chain.log_prob(np.array([text]))[0])) for text in product(range(3), repeat=5)}
    noise = generator(0, "hex check").random((8, _DRAWS, _LENGTH))
    out = []
    for turn, (block, per_pass) in enumerate(product((1, 2, 5), (1, 2))):
        law = enumerated(model, block, per_pass)
        name = f"blocks of {block}, {per_pass} a pass"
        apart = max(abs(law[text] - joint[text]) for text in joint)
        divergence = sum(p * log(p / law[text]) for text, p in joint.items())
        exact = per_pass == 1 or block == 1
        out.append(Truth(0.0, apart if exact else 1 - sum(law.values()), 1e-12, f"law against the chain's: {name}"))
        if (block, per_pass) == (2, 2):
            out.append(Truth(_lost(model.chain), divergence, 1e-12, f"nats from the chain: {name}"))
        texts = unmask(model, [()] * _DRAWS, noise[turn], (), block, 1.0, per_pass)
        seen = Counter(tuple(one.generated.token_ids.tolist()) for one in texts)
        statistic, freedom = chi_squared(law, seen, _DRAWS)
        out.append(Truth(freedom, statistic, float(chdtri(freedom, 1e-5)) - freedom, f"χ² of {_DRAWS} texts: {name}"))
    return [*out, *_votes(model)]


def enumerated(model: ChainLM, block: int, per_pass: int) -> dict[tuple[int, ...], float]:
    """Probability of each text under a schedule, by following every token that each pass may draw."""
    law: dict[tuple[int, ...], float] = {}
    empty = (-1,) * _LENGTH
    open_: list[tuple[tuple[int, ...], float]] = [(empty, 1.0)]
    while open_:
        seen, mass = open_.pop()
        free = [k for k, token in enumerate(seen) if token < 0]
        if not free:
            law[seen] = law.get(seen, 0.0) + mass
            continue
        first = free[0] - free[0] % block
        free = [k for k in free if k < first + block]
        hidden = np.array([[token < 0 for token in seen]])
        probs = np.exp(model.chain.conditionals(np.maximum([seen], 0), hidden)[0])
        places = sorted(free, key=lambda k: (-np.log(probs[k].max()).round(9), k))[:per_pass]
        for drawn in product(range(3), repeat=len(places)):
            grown = list(seen)
            for place, token in zip(places, drawn, strict=True):
                grown[place] = token
            chance = float(np.prod([probs[k, token] for k, token in zip(places, drawn, strict=True)]))
            open_.append((tuple(grown), mass * chance))
    return law


def _lost(chain: Chain) -> float:
    """What filling symbols 1 and 2, then 3 and 4 at once, forgets: I(x1; x2) + I(x3; x4 | x2), nats.

    The chain is circulant, so each of its symbols is uniform, and each row of its step has one entropy.
    """
    one, two = chain.step[0], (chain.step @ chain.step)[0]
    once, twice = (-float(row @ np.log(row)) for row in (one, two))
    return log(chain.symbols) - once + twice - once


def _votes(model: ChainLM) -> list[Truth]:
    """Votes of three and of seven independent texts on whether the first letter is a, and a vote of one."""
    right, n = float(model.chain.start[0]), 3000
    prompts = [Prompt(str(k), "", lambda text: "a" if text[0] == "a" else "other", (), _LENGTH) for k in range(n)]
    out = []
    for blocks in ("1+2+5", "1+1+2+2+5+5+5"):
        size = blocks.count("+") + 1
        share = np.mean([one.answer == "a" for one in hex_(model, prompts, 0, blocks=blocks, temperature=1.0)])
        chance = sum(comb(size, k) * right**k * (1 - right) ** (size - k) for k in range(size // 2 + 1, size + 1))
        error = (chance * (1 - chance) / n) ** 0.5
        out.append(Truth(chance, float(share), 4 * error, f"majorities of {size} schedules"))
    alone = hex_(model, prompts[:50], 0, blocks="2", temperature=1.0)
    same = [one.answer == prompts[0].extract(one.pool[0].text) and one.confidence == 1 for one in alone]
    out.append(Truth(1.0, float(np.mean(same)), 0.0, "one schedule is its own text"))
    return out
