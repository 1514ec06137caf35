"""Decoders that steer against enumeration, on vocabularies so small that every text can be listed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.checks.language import CONTEXT, chi_squared, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.beam import search
from bench.decoders.particles import Power, filter_particles
from bench.decoders.truncation import Eta, MinP, TopH, TopK, Typical
from bench.language import Draw

_LENGTH = 3


@check("truncations", area="reasoning", source="the definitions, set by set; Pearson's χ² of sampled texts")
def truncations() -> list[Truth]:
    """Kept tokens of 43 distributions against each definition, and texts drawn through the hook against their law."""
    import torch
    from scipy.special import chdtri

    model = tiny_model()
    logs = table(model, CONTEXT)
    given = torch.from_numpy(np.array(list(logs.values())))
    out, n = [], 2000
    for cut, defined in _DEFINITIONS:
        kept = np.isfinite(cut(given, ()).numpy())
        expected = np.array([_kept(np.exp(row), defined) for row in logs.values()])
        out.append(Truth(0, int((kept != expected).sum()), 0, f"tokens kept or left otherwise by {cut}"))
        law = paths({past: _renormalised(row, defined) for past, row in logs.items()})
        draws = [Draw(CONTEXT, k, 1.0, stop=(), max_tokens=_LENGTH, reshape=cut) for k in range(n)]
        seen = Counter(tuple(text.token_ids.tolist()) for text in model.generate(draws))
        statistic, freedom = chi_squared(law, seen, n)
        quantile = float(chdtri(freedom, 1e-5)) if freedom else 0.0
        out.append(Truth(freedom, statistic, max(quantile - freedom, 0.0), f"χ² of {n} texts through {cut}"))
    return out


@check("beam-search", area="reasoning", source="the likeliest of all texts, by enumeration; the greedy chain")
def beam_search() -> list[Truth]:
    """With as many beams as texts, the likeliest of all of them; with one, the greedy text."""
    out = []
    prompt = Prompt("p", CONTEXT, lambda text: text or None, (), _LENGTH)
    for seed in range(5):
        model = tiny_model(seed)
        logs = table(model, CONTEXT)
        law = paths({past: np.exp(row) for past, row in logs.items()})
        ordered = sorted(law.values(), reverse=True)
        (found,) = search(model, [prompt], width=6**_LENGTH)
        apart = max(abs(math.exp(h.total) - p) for h, p in zip(found.texts, ordered, strict=True))
        out.append(Truth(0.0, apart, 1e-12, f"probabilities of all {len(law)} texts in order, model {seed}"))
        (narrow,) = search(model, [prompt], width=1)
        (greedy,) = model.generate([Draw(CONTEXT, seed=0, stop=(), max_tokens=_LENGTH)])
        same = narrow.texts[0].tokens == tuple(greedy.token_ids.tolist())
        out.append(Truth(1, float(same), 0, f"one beam is greedy, model {seed}"))
    return out


@check("particle-filter", area="reasoning", source="the sum over all texts of p(text)^power, by enumeration")
def particle_filter() -> list[Truth]:
    """Mean estimate of the normalising constant over 1,500 populations of 4, within 4 standard errors of the sum.

    So is the estimate of how much of it the likeliest text has; and with a potential of 1, it is exactly 1.
    """
    model, count = tiny_model(1), 1500
    law = paths({past: np.exp(row) for past, row in table(model, CONTEXT).items()})
    prompts = [Prompt(str(k), CONTEXT, lambda text: text, (), _LENGTH) for k in range(count)]
    out = []
    for power, temperature in ((2.0, 1.0), (3.0, 0.7)):
        likeliest = max(law, key=lambda path: law[path])
        found = filter_particles(model, prompts, 0, Power(power), n=4, temperature=temperature, threshold=0.9)
        sizes = np.array([math.exp(population.log_evidence) for population in found])
        shares = np.array(
            [
                sum(
                    float(weight)
                    for text, weight in zip(population.texts, population.weights, strict=True)
                    if tuple(text.token_ids.tolist()) == likeliest
                )
                for population in found
            ]
        )
        name = f"power {power}, temperature {temperature}"
        for label, values, truth in (
            ("normalising constant", sizes, sum(p**power for p in law.values())),
            ("part of the likeliest text", sizes * shares, law[likeliest] ** power),
        ):
            error = float(values.std(ddof=1)) / count**0.5
            out.append(Truth(truth, float(values.mean()), 4 * error, f"{label}, {name}"))
    plain = filter_particles(model, prompts[:3], 0, Power(1.0), n=4)
    return out + [Truth(0.0, one.log_evidence, 1e-12, "log-constant of the model itself") for one in plain]


def _renormalised(row: Float64s, defined: Callable[[Float64s, tuple[int, ...]], bool]) -> Float64s:
    probs = np.exp(row)
    probs[~_kept(probs, defined)] = 0
    return probs / probs.sum()


def _kept(probs: Float64s, defined: Callable[[Float64s, tuple[int, ...]], bool]) -> Bools:
    """The largest set of the likeliest (or most typical) tokens that a definition allows, of all subsets (V,)."""
    ids = range(len(probs))
    allowed = [some for size in range(1, len(probs) + 1) for some in combinations(ids, size) if defined(probs, some)]
    best = max(allowed, key=len)
    return np.isin(np.arange(len(probs)), best)


def _entropy(probs: Float64s) -> float:
    probs = probs[probs > 0] / probs.sum()
    return float(-(probs * np.log(probs)).sum())


def _is_top(probs: Float64s, some: tuple[int, ...]) -> bool:
    others = [k for k in range(len(probs)) if k not in some]
    return not others or min(probs[list(some)]) > max(probs[others])


def _typical(probs: Float64s, some: tuple[int, ...]) -> bool:
    distance = np.abs(-np.log(probs) - _entropy(probs))
    others = [k for k in range(len(probs)) if k not in some]
    nearest = not others or max(distance[list(some)]) < min(distance[others])
    farthest = max(some, key=lambda k: distance[k])
    return nearest and sum(probs[k] for k in some if k != farthest) < 0.8  # without its last token it had too little


_DEFINITIONS: tuple[tuple[Callable[..., Any], Callable[[Float64s, tuple[int, ...]], bool]], ...] = (
    (TopK(3), lambda p, some: _is_top(p, some) and len(some) <= 3),
    (MinP(0.3), lambda p, some: min(p[list(some)]) >= 0.3 * p.max()),
    (Typical(0.8), _typical),
    (
        Eta(0.4),
        lambda p, some: (
            (len(some) == 1 and _is_top(p, some)) or min(p[list(some)]) >= min(0.4, 0.4**0.5 / math.exp(_entropy(p)))
        ),
    ),
    (TopH(0.7), lambda p, some: _is_top(p, some) and (len(some) == 1 or _entropy(p[list(some)]) <= 0.7 * _entropy(p))),
)
