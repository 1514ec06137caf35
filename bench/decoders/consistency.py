"""Answers by what the model says of the paths that lead to them: perplexity consistency, and RPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import lgamma

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.budget import require
from bench.decoders.draws import Pool, draw_pools
from bench.decoders.self_consistency import per_token
from bench.language import LanguageModel

PAPERS = (
    "Bridging Internal Probability and Self-Consistency for Effective and Efficient LLM Reasoning",
    "A Theoretical Study on Bridging Internal Probability and Self-Consistency for LLM Reasoning",
)
_SOURCE = "Zhou et al. 2025, Bridging Internal Probability and Self-Consistency"
# Fewer paths say nothing of two components.
FEWEST = 4
_SHARES = (0.2, 0.8)
# Log-probabilities below are those of paths that are as good as impossible.
_LOWEST = -80.0


@dataclass(frozen=True)
class Weibulls:
    """A mixture of two Weibull distributions: share of the first, shapes k and scales l, (2,), the lower mean first."""

    share: float
    shapes: Float64s
    scales: Float64s

    def high(self, values: Float64s) -> Float64s:
        """Probability that each value (n,) comes from the component of higher mean."""
        low, high = (
            np.log(weight) + _log_density(values, k, scale)
            for weight, k, scale in zip((self.share, 1 - self.share), self.shapes, self.scales, strict=True)
        )
        return 1 / (1 + np.exp(np.clip(low - high, -700, 700)))


@decoder("perplexity-consistency", source=_SOURCE, papers=PAPERS, check="perplexity-consistency")
def perplexity_consistency(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    normalised: bool = False,
    budget: int = 0,
) -> list[Decision]:
    """The answer of most probability among n samples: each distinct path counts once, by the model's probability of it.

    normalised: by its probability per token instead.  The confidence is the answer's share of the mass of all distinct
    paths, those without a readable answer included.  With `normalised` off and every path seen, the mass of an answer
    is the model's exact probability of it.
    """
    return _decisions(model, prompts, "perplexity-consistency", seed, n, temperature, top_p, normalised, False, budget)


@decoder("rpc", source=_SOURCE + " (reasoning-pruning perplexity consistency)", papers=PAPERS, check="rpc")
def rpc(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    temperature: float = 0.7,
    top_p: float = 1.0,
    normalised: bool = True,
    budget: int = 0,
) -> list[Decision]:
    """`perplexity-consistency` without the paths that are of the improbable kind.

    Two Weibull distributions are fitted to the probabilities of the distinct paths; what is below their mean and more
    probably of the lower one is left out of both the vote and its whole.
    """
    return _decisions(model, prompts, "rpc", seed, n, temperature, top_p, normalised, True, budget)


def _decisions(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    name: str,
    seed: int,
    n: int,
    temperature: float,
    top_p: float,
    normalised: bool,
    pruned: bool,
    budget: int,
) -> list[Decision]:
    require(isinstance(normalised, bool), name, "normalised", normalised, "true or false")
    pools = draw_pools(model, prompts, name, seed, n, temperature, top_p, budget=budget)
    out = []
    for pool in pools:
        pool.require_log_probs(name)
        shares = masses(pool.answers, path_probabilities(pool, normalised), paths_of(pool), pruned=pruned)
        if not shares:
            out.append(Decision("", 0.0, pool.texts))
            continue
        winner = max(shares, key=lambda answer: shares[answer])
        out.append(Decision(winner, min(1.0, shares[winner]), pool.texts))
    return out


def paths_of(pool: Pool) -> list[tuple[object, ...]]:
    """What tells the paths of a pool apart: their tokens, and their texts where a model tells no tokens."""
    return [(text.text, *text.token_ids.tolist()) for text in pool.texts]


def path_probabilities(pool: Pool, normalised: bool) -> Float64s:
    """Probability of each path, or per token; scaled to a largest of 1, so that none of a long path is lost, (n,)."""
    if normalised:
        return per_token(pool)
    logs = np.array(pool.log_probs)
    return np.exp(np.maximum(logs - logs.max(), _LOWEST))


def masses(
    answers: Sequence[str | None], probs: Float64s, paths: Sequence[object], *, pruned: bool
) -> dict[str, float]:
    """Share of each readable answer in the mass of the distinct paths; of equal shares, the first seen is the first.

    answers (n,), None where none can be read; probs (n,) of the paths, above 0; paths (n,): equal ones count once.
    """
    first = list({path: k for k, path in reversed(list(enumerate(paths)))}.values())[::-1]
    own = probs[first]
    keep = kept(own) if pruned else np.ones(len(own), dtype=np.bool_)
    total = float(own[keep].sum())
    shares: dict[str, float] = {}
    for k, p, stays in zip(first, own.tolist(), keep.tolist(), strict=True):
        answer = answers[k]
        if answer is not None and stays:
            shares[answer] = shares.get(answer, 0.0) + p / total
    return shares


def kept(probs: Float64s) -> Bools:
    """Which distinct paths pruning keeps, (m,): at least one, and all where they are few or alike."""
    if len(probs) < FEWEST or np.ptp(probs) <= 1e-12 * probs.max():
        return np.ones(len(probs), dtype=np.bool_)
    unlikely = fit_weibulls(probs).high(probs) < 0.5
    return ~(unlikely & (probs < probs.mean()))


def fit_weibulls(values: Float64s, rounds: int = 200) -> Weibulls:
    """The mixture of most likelihood for values (n,) above 0, found by expectation–maximisation.

    The share is held in [0.2, 0.8].  It starts from the lower and the upper half; a shape is held in [0.05, 200], so
    that no component can shrink to a point.
    """
    # Weibull distributions keep their shape when values are scaled.
    size = float(np.median(values))
    scaled = np.maximum(values / size, 1e-12)
    order = np.argsort(np.argsort(scaled, kind="stable"))
    high = np.where(order < len(scaled) / 2, 0.1, 0.9)
    found = None
    for _ in range(rounds):
        share = float(np.clip((1 - high).mean(), *_SHARES))
        fits = [_fit_one(scaled, weight) for weight in (1 - high, high)]
        found = Weibulls(share, np.array([k for k, _ in fits]), np.array([scale for _, scale in fits]))
        new = found.high(scaled)
        if float(np.abs(new - high).max()) < 1e-6:
            break
        high = new
    assert found is not None  # noqa: S101 - there is at least one round
    means = found.scales * np.exp([lgamma(1 + 1 / k) for k in found.shapes])
    if means[0] > means[1]:
        found = Weibulls(1 - found.share, found.shapes[::-1], found.scales[::-1])
    return Weibulls(found.share, found.shapes, found.scales * size)


def _fit_one(values: Float64s, weights: Float64s) -> tuple[float, float]:
    """Shape and scale of most weighted likelihood.

    The shape solves Σwxᵏlog x / Σwxᵏ - 1/k = Σw log x / Σw, whose left side rises with k: bisection on log k.
    """
    total = float(weights.sum())
    logs = np.log(values)
    goal = float(weights @ logs) / total
    low, high = np.log(0.05), np.log(200.0)
    for _ in range(50):
        k = float(np.exp((low + high) / 2))
        powered = weights * np.exp(k * (logs - logs.max()))
        low, high = (
            ((low + high) / 2, high)
            if float(powered @ logs) / float(powered.sum()) - 1 / k < goal
            else (low, (low + high) / 2)
        )
    k = float(np.exp((low + high) / 2))
    powered = float((weights * np.exp(k * (logs - logs.max()))).sum()) / total
    return k, float(np.exp(logs.max() + np.log(powered) / k))


def _log_density(values: Float64s, shape: float, scale: float) -> Float64s:
    ratio = np.log(values / scale)
    return np.asarray(np.log(shape / scale) + (shape - 1) * ratio - np.exp(np.minimum(shape * ratio, 700)))
