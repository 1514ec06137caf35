"""Pools and resampling against enumeration of all subsets, closed forms and simulation."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, permutations

import numpy as np

from bench.checks.cases import exact, simulated
from bench.components import Truth, check
from bench.efficiency.runtime import pareto
from bench.metrics.pools import COVERAGE, MAJORITY, maj_at_k, pass_at_k
from bench.metrics.resampling import PAPERS, SOURCE, best_k, ceiling, observed, resampled
from bench.seeds import generator

POOL = ("a", "a", "b", "c", "b", "", "a", "d")
RIGHT = "b"


def _majority(some: tuple[str, ...]) -> float:
    """Chance that a random one of the most frequent answers is the right one."""
    votes = Counter(answer for answer in some if answer)
    top = [answer for answer, count in votes.items() if count == max(votes.values())]
    return top.count(RIGHT) / len(top) if top else 0.0


@check("reasoning/pools", area="reasoning", source=f"{COVERAGE}; {MAJORITY}")
def pools() -> list[Truth]:
    """pass@k and maj@k of a pool of eight against all subsets of each size; unbiasedness; a Pareto front by hand."""
    votes = Counter(answer for answer in POOL if answer)
    n, right = len(POOL), POOL.count(RIGHT)
    out = []
    for k in (1, 2, 3, 5, 8):
        subsets = list(combinations(POOL, k))
        covered = np.mean([RIGHT in some for some in subsets])
        elected = np.mean([_majority(some) for some in subsets])
        out += [
            exact(float(covered), float(pass_at_k(np.array([right]), np.array([n]), k)[0]), f"pass@{k}, all subsets"),
            exact(
                float(elected),
                maj_at_k(list(votes.values()), [a == RIGHT for a in votes], n, k),
                f"maj@{k}, all subsets",
            ),
        ]
    p, k = 0.3, 4
    draws = generator(0, "pass").binomial(10, p, 20_000)
    out.append(simulated(1 - (1 - p) ** k, pass_at_k(draws, np.full(20_000, 10), k), "pass@4 of 10 is unbiased"))
    front = pareto(np.array([1.0, 2, 2, 3, 4]), np.array([0.2, 0.5, 0.4, 0.5, 0.9]))
    out.append(Truth(3, int(front.sum()), 0, "points that none beats"))
    return out


@check("reasoning/flaws", area="reasoning", source=SOURCE, papers=PAPERS)
def flaws() -> list[Truth]:
    """Closed forms, their limits, simulation, and the finite-sample estimate against all orders of the samples."""
    p, f, k = np.array([0.3]), np.array([0.2]), 10
    rng = generator(0, "flaws")
    right = rng.random((40_000, k)) < p
    passed = right | (rng.random((40_000, k)) < f)
    first = passed.argmax(axis=1)
    returned = passed.any(axis=1) & right[np.arange(len(right)), first]
    closed = resampled(p, f, np.array([k]))
    passes, correct = np.array([[1, 0, 1, 0, 1]], bool), np.array([[1, 0, 0, 0, 1]], bool)
    count = [x.sum(axis=1) for x in (passes, passes & correct, np.ones_like(passes))]
    found = observed(count[0], count[1], count[2], np.array([3]))
    orders = list(permutations(range(5), 3))
    hits = [next((correct[0, i] for i in order if passes[0, i]), False) for order in orders]
    perfect = resampled(p, np.array([0.0]), np.array([k]))
    blind = resampled(p, np.array([1.0]), np.array([1, 5, 50]))
    mixed_p, mixed_f = np.array([0.6, 0.02]), np.array([0.1, 0.1])
    ks = np.arange(200)
    gains = resampled(mixed_p, mixed_f, ks)
    curve = (gains.right - 2 * gains.wrong).mean(axis=0)
    return [
        simulated(float(closed.right[0, 0]), returned, "right within 10, simulated"),
        exact(0.3 / 0.44 * (1 - 0.56**10), float(closed.right[0, 0]), "right within 10, by hand"),
        exact(1 - 0.7**10, float(perfect.right[0, 0]), "a perfect verifier"),
        exact(0.0, float(np.abs(blind.right - 0.3).max()), "a verifier that passes all"),
        exact(0.3 / 0.44, float(ceiling(p, f)[0]), "ceiling"),
        exact(float(np.mean(hits)), float(found.right[0, 0]), "3 of 5, all orders"),
        Truth(float(curve.argmax()), best_k(mixed_p, mixed_f, cost=2.0), 0, "best K by search"),
        Truth(0, float((np.diff(gains.right.mean(axis=0)) < -1e-15).sum()), 0, "falls of a curve without cost"),
        Truth(0, best_k(mixed_p, np.array([0.9, 0.9]), cost=9.0), 0, "best not to try"),
    ]
