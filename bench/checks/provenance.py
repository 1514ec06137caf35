"""Palimpsestic provenance: exact under independence, and found where a model was trained in that order."""

from __future__ import annotations

from itertools import pairwise
from itertools import permutations as arrangements

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact
from bench.components import Truth, check
from bench.estimators.provenance import provenance, replay_p
from bench.seeds import generator

PALIMPSEST = "Blackbox Model Provenance via Palimpsestic Membership Inference"


@check("likelihood/provenance", area="likelihood", source="Fisher's exact test", papers=(PALIMPSEST,))
def provenance_test() -> list[Truth]:
    """p-values of independent orders are uniform for any likelihoods; a memory that fades tells the order.

    The memory is a bigram table updated by steps of SGD, one text after the other: each step overwrites a little of
    those before.
    """
    from scipy.stats import kstest, spearmanr

    draws = generator(0, "check", "provenance")
    heavy = draws.standard_t(2, (400, 40))
    nulls = np.array([provenance(np.arange(40.0), row, draws=draws, permutations=199).p for row in heavy])
    # A discrete uniform on 1/200 .. 1 is within 1/200 of the continuous one.
    distance = float(kstest(nulls, "uniform").statistic)
    small, told = np.array([3.0, 1.0, 4.0, 2.0, 5.0, 6.0]), np.array([0.2, 0.1, 0.9, 0.5, 0.4, 1.1])
    rho = float(spearmanr(small, told).statistic)
    every = np.array([spearmanr(list(p), told).statistic for p in arrangements(small)])
    found = provenance(small, told, draws=draws, permutations=20_000)
    share = float((every >= rho - 1e-12).mean())
    order, likelier, plain = _trained(draws)
    before = provenance(order, likelier, draws=draws)
    after = provenance(order, likelier, plain, draws)
    other = provenance(draws.permutation(order), likelier, plain, draws)
    return [
        Truth(
            0.0, distance, 1.95 / 400**0.5 + 1 / 200, "p-values of independent orders from uniform (Kolmogorov 1e-3)"
        ),
        exact(rho, found.rho, "correlation, against scipy"),
        Truth(share, found.p, ERRORS * (share * (1 - share) / 20_000) ** 0.5 + 1e-4, "p-value against all 720 orders"),
        exact(1.0, float(after.rho > 0.1 and after.p <= 0.001), "a model trained in that order is found, p = 1/1000"),
        exact(1.0, float(after.rho > before.rho), "a reference model raises the correlation"),
        exact(1.0, float(other.p > 0.001), "another order of the same texts is not"),
        exact(0.25, replay_p(1.0, np.array([0.3, 0.9, 0.2])), "first among itself and three replays"),
    ]


def _trained(draws: np.random.Generator) -> tuple[Float64s, Float64s, Float64s]:
    """Order, final log-likelihoods, and those of a table trained on other texts, of 400 texts of twelve symbols."""
    symbols, length, texts = 16, 12, 400
    source = draws.dirichlet(np.full(symbols, 0.4), size=symbols)

    def drawn() -> np.ndarray:
        rows = draws.integers(0, symbols, (texts, length))
        for k in range(1, length):
            chance = source[rows[:, k - 1]].cumsum(axis=1)
            rows[:, k] = np.minimum((draws.random(texts)[:, None] > chance).sum(axis=1), symbols - 1)
        return rows

    def table(rows: np.ndarray) -> Float64s:
        logits = np.zeros((symbols, symbols))
        for row in rows:
            shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            for a, b in pairwise(row):
                logits[a] -= 0.3 * shares[a]
                logits[a, b] += 0.3
        return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    mine, theirs = drawn(), drawn()
    trained, reference = table(mine), table(theirs)
    scored = [t[mine[:, :-1], mine[:, 1:]].sum(axis=1) for t in (trained, reference)]
    return np.arange(float(texts)), scored[0], scored[1]
