"""Constrained decoders against the model's own law given the grammar, enumerated."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from bench.checks.cases import exact, simulated
from bench.checks.chains import Law
from bench.checks.language import CONTEXT, VOCABULARY, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.constrained import Aligned, Bounds, Grammar, constrained, weigh
from bench.decoders.stepping import Stepper, opened
from bench.seeds import generator

_GRAMMAR = "a(b|cd)?|d+"


def _prompts(count: int, grammar: str = _GRAMMAR) -> list[Prompt]:
    return [Prompt(str(k), CONTEXT, lambda text: text or None, (), 3, grammar=grammar) for k in range(count)]


def _law(model: object) -> tuple[Law, float]:
    """The model's texts that are in the grammar, their probabilities given that, and the probability of it."""
    import regex

    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})  # type: ignore[arg-type]
    inside = {path: p for path, p in law.items() if regex.fullmatch(_GRAMMAR, _text(path))}
    mass = math.fsum(inside.values())
    return {path: p / mass for path, p in inside.items()}, mass


def _text(path: tuple[int, ...]) -> str:
    return "".join(VOCABULARY[k] for k in path if k > 1)


@check("grammar-aligned", area="reasoning", source="Park et al. 2024; the law of all texts given a grammar")
def aligned() -> list[Truth]:
    """Bounds fall to the exact probability of the grammar, and the next text's law becomes the model's own given it.

    A first text is drawn by plain constrained decoding, whose law is another one: its distance is printed beside.
    """
    model = tiny_model(2)
    law, mass = _law(model)
    asked = _prompts(1)
    with opened(model, "check", asked) as session:
        stepper = Stepper(session, asked)
        pick = Aligned([Grammar(session, asked[0], 3, "check")])
        stream = generator(0, "aligned")
        hopes, good = [], 0
        first: Law = {}
        for number in range(150):
            (one,) = stepper.grow(stepper.roots, [stream], pick, steps=False)
            if number == 0:
                plain = Aligned(pick.grammars)
                first = _next_law(model, plain)
            good += pick.learn(one)
            hopes.append(pick.tries[0][()].hope)
        after = _next_law(model, pick)
    rises = max(b - a for a, b in pairwise(hopes))
    unseen = math.fsum(law[path] for path in law if any(path[:k] not in pick.tries[0] for k in range(len(path))))
    distance = 0.5 * math.fsum(abs(after.get(path, 0.0) - p) for path, p in law.items())
    before = 0.5 * math.fsum(abs(first.get(path, 0.0) - p) for path, p in law.items())
    return [
        Truth(150, good, 0, "texts in the grammar, of 150"),
        Truth(0.0, max(0.0, rises), 1e-15, "largest rise of the bound at the root"),
        # What no text has passed through yet keeps its bound of 1, so that much may still be missing.
        Truth(mass, hopes[-1], 1e-12 + unseen, "bound at the root against the probability of the grammar"),
        Truth(0.0, distance, 1e-12 + unseen, "total variation from the law given the grammar, after 150 texts"),
        Truth(1, float(before > 0.01), 0, f"constrained decoding is further from it ({before:.3f})"),
    ]


def _next_law(model: object, pick: Aligned) -> Law:
    """What the next text would be drawn from, by the bounds as they are."""
    logs = table(model, CONTEXT)  # type: ignore[arg-type]
    out: Law = {}
    grammar = pick.grammars[0]
    stack: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while stack:
        past, p = stack.pop()
        if past[-1:] == (1,) or len(past) == 3:
            out[past] = p
            continue
        known = pick.tries[0].get(past)
        if known is None:
            known = Bounds.of(np.exp(logs[past]), past, grammar)
        mass = known.probs * known.hopes
        if mass.sum() > 0:
            stack += [((*past, k), p * float(q)) for k, q in enumerate(mass / mass.sum()) if q > 0]
    return out


@check("awrs", area="reasoning", source="Lipkin et al. 2025; exact rational enumeration; the law given a grammar")
def rejection() -> list[Truth]:
    """The weight with its token, exactly in fractions and as drawn; unbiased constants; texts by weight.

    E[weight · 1(token = t)] = p(t) for each token that is allowed.  The weighted texts of many populations follow the
    model's own law given the grammar.
    """
    probs = [Fraction(1, 10), Fraction(3, 10), Fraction(2, 10), Fraction(1, 4), Fraction(3, 20)]
    fine = {1, 3}
    found = _enumerated(probs, fine)
    out = [Truth(1, float(all(found[t] == probs[t] for t in fine)), 0, "expected weights, in fractions")]
    stream, p = generator(0, "weigh"), np.array([float(q) for q in probs])
    drawn = [weigh(p, lambda token: token in fine, stream) for _ in range(3000)]
    for token in sorted(fine):
        values = np.array([weight if t == token else 0.0 for t, weight in drawn])
        out.append(simulated(float(p[token]), values, f"weight with token {token}"))
    out.append(exact(1.0, weigh(p, lambda _: True, stream)[1], "weight where all is allowed"))
    model, n = tiny_model(2), 250
    law, mass = _law(model)
    asked = _prompts(n)
    with opened(model, "check", asked) as session:
        stepper = Stepper(session, asked)
        clouds, _ = constrained(stepper, [generator(1, "awrs", k) for k in range(n)], 3, 0.5)
    sizes = np.exp([cloud.log_evidence for cloud in clouds])
    out.append(simulated(mass, sizes, "probability of the grammar, of 250 populations"))
    best = max(law, key=lambda path: law[path])
    shares = [
        sum(float(w) for one, w in zip(cloud.particles, cloud.weights, strict=True) if one.now.tokens == best)
        for cloud in clouds
    ]
    out.append(simulated(law[best] * mass, sizes * np.array(shares), "part of the likeliest text"))
    outside = sum(
        float(w)
        for cloud, size in zip(clouds, sizes, strict=True)
        if size > 0
        for one, w in zip(cloud.particles, cloud.weights, strict=True)
        if one.now.tokens not in law
    )
    return [*out, Truth(0.0, outside, 1e-12, "weight of texts outside the grammar")]


def _enumerated(probs: list[Fraction], fine: set[int]) -> dict[int, Fraction]:
    """E[weight · 1(token = t)] over every way that the two passes can go."""
    out = dict.fromkeys(fine, Fraction(0))

    def go(removed: frozenset[int], chance: Fraction, chosen: int, count: int, first: Fraction) -> None:
        left = sum((p for k, p in enumerate(probs) if k not in removed), Fraction(0))
        for k, p in enumerate(probs):
            if k in removed:
                continue
            if k not in fine:
                go(removed | {k}, chance * p / left, chosen, count + 1, first + (p if chosen < 0 else 0))
            elif chosen < 0:
                go(removed, chance * p / left, k, count, first)
            else:
                out[chosen] += chance * p / left * (1 - first) / (count + 1)

    go(frozenset(), Fraction(1), -1, 0, Fraction(0))
    return out
