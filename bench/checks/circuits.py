"""Circuits against sums over all states, and messages against the probabilities that they were coded by."""

from __future__ import annotations

from itertools import product

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.circuits import LatentTree, fitted
from bench.estimators.coding import decoded, encoded
from bench.models.circuits import COMPRESSION
from bench.seeds import generator

DIM, LEVELS = 7, 2


def random_tree(dim: int = DIM, levels: int = LEVELS, states: int = 3, seed: int = 0) -> LatentTree:
    """A tree of random shape and random tables."""
    draws = generator(seed, "random-tree")
    parents = np.array([-1, *(int(draws.integers(i)) for i in range(1, dim))])
    return LatentTree(
        parents,
        draws.dirichlet(np.ones(states)),
        draws.dirichlet(np.ones(states), size=(dim, states)),
        draws.dirichlet(np.ones(levels), size=(dim, states)),
    )


def by_hand(tree: LatentTree, rows: Float64s) -> Float64s:
    """Masses of rows (n, D) by summing over all states of all variables."""
    dim, states = len(tree.parents), len(tree.prior)
    every = np.array(list(product(range(states), repeat=dim)))
    mass = tree.prior[every[:, tree.order[0]]]
    for i in tree.order[1:]:
        mass = mass * tree.step[i][every[:, tree.parents[i]], every[:, i]]
    leaves = np.prod([tree.leaf[i][every[:, i]][:, rows[:, i].astype(int)] for i in range(dim)], axis=0)
    return mass @ leaves


@check("likelihood/circuit-marginals", area="likelihood", source="sums over all states and rows", papers=(COMPRESSION,))
def circuit_marginals() -> list[Truth]:
    """Masses, marginals of any variables, conditionals under soft evidence, and EM that never falls."""
    tree = random_tree()
    rows = np.array(list(product(range(LEVELS), repeat=DIM)))
    mass = np.exp(tree.log_prob(rows))
    seen = np.zeros((len(rows), DIM), dtype=bool)
    seen[:, [1, 4, 6]] = True
    key = rows[:, [1, 4, 6]] @ np.array([4, 2, 1])
    summed = np.bincount(key, weights=mass)[key]
    soft = generator(0, "soft-evidence").random((1, DIM, LEVELS))
    weighted = mass * np.prod(soft[0][np.arange(DIM), rows], axis=1)
    found = tree.marginals(soft)[0, :, 1]
    draws = generator(0, "circuit-em")
    data = (draws.random((300, 2)) @ draws.normal(size=(2, DIM)) > 0.3).astype(np.int64)
    _, course = fitted(data, LEVELS, 3, draws, passes=25, smoothing=0.0)
    return [
        exact(1.0, float(mass.sum()), "masses of all rows"),
        exact(0.0, float(np.abs(mass - by_hand(tree, rows)).max()), "masses by all states"),
        exact(0.0, float(np.abs(np.exp(tree.log_prob(rows, seen)) - summed).max()), "marginals of three variables"),
        exact(float(np.log(weighted.sum())), float(tree.log_evidence(soft)[0]), "log-probability of soft evidence"),
        exact(0.0, float(np.abs(found - weighted @ rows / weighted.sum()).max()), "conditionals under soft evidence"),
        Truth(0.0, float(min(0.0, np.diff(course).min())), 1e-9, f"greatest fall in {len(course)} passes of EM"),
    ]


@check("likelihood/circuit-coder", area="likelihood", source="Shannon 1948: -log2 p bits", papers=(COMPRESSION,))
def circuit_coder() -> list[Truth]:
    """Every one of 128 rows, and 40 longer ones, comes back from its bits, which exceed -log2 p by at most 2."""
    out = []
    longer = generator(0, "coded-rows").integers(5, size=(40, 30))
    every = np.array(list(product(range(LEVELS), repeat=DIM)))
    for tree, rows in ((random_tree(), every), (random_tree(30, 5, 4), longer)):
        messages = [encoded(tree, row) for row in rows]
        wrong = sum(not np.array_equal(decoded(tree, bits), row) for bits, row in zip(messages, rows, strict=True))
        excess = np.array([len(bits) for bits in messages]) + tree.log_prob(rows) / np.log(2)
        name = f"{len(rows)} messages of {rows.shape[1]} symbols"
        out += [
            exact(0.0, wrong, f"{name}: decoded wrongly"),
            Truth(1.0, float(excess.max()), 1.0, f"{name}: most bits above -log2 p"),
            Truth(1.0, float(excess.min()), 1.0, f"{name}: fewest bits above -log2 p"),
        ]
    # Codes of all rows of one length, read as binary fractions, must not overlap: Kraft's sum is at most 1.
    kraft = sum(2.0 ** -len(encoded(random_tree(), row)) for row in every)
    out.append(Truth(1.0, float(kraft <= 1.0), 0.0, "Kraft's inequality over all messages"))
    return out
