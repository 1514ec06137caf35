"""Entropy along chains whose every distribution is known: the fall of each step is a conditional mutual information."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import cast

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.language import Details, LanguageModel, Scored, TokenDetails
from bench.metrics.chains import SOURCE, length_auroc, reductions, slopes, step_utilities
from bench.procedural.bayes_nets import Tree, draw_tree
from bench.records import Chains
from bench.tasks.reasoning.chain_entropy import CUE, entropies, split


@dataclass(frozen=True)
class Oracle:
    """Scores the last variable of a tree given the first ones, which the context holds as digits, exactly."""

    tree: Tree

    def score(self, requests: Sequence[tuple[str, str]], details: Details | None = None) -> list[Scored]:
        """One token for the answer and one, certain, for the full stop."""
        del details
        return [self._scored(context.removesuffix(CUE), int(said.strip(" ."))) for context, said in requests]

    def _scored(self, context: str, value: int) -> Scored:
        law = conditional(self.tree.joint, tuple(map(int, context)))
        entropy = float(-(law[law > 0] * np.log(law[law > 0])).sum())
        known = TokenDetails(np.array([value, 0]), entropy=np.array([entropy, 0.0]))
        return Scored(np.array([math.log(law[value]), 0.0]), greedy=False, details=known)


def conditional(joint: Float64s, given: tuple[int, ...]) -> Float64s:
    """The law of the last axis given the first ones."""
    left = joint[given]
    law = left.reshape(-1, 2).sum(axis=0)
    return np.asarray(law / law.sum())


def information(joint: Float64s, t: int) -> float:
    """I(Y; z_t | z_1 .. z_{t-1}), the last axis being Y and axis t - 1 being z_t, by the sum over all values."""
    total = 0.0
    for values in product((0, 1), repeat=t):
        for y in (0, 1):
            p = float(joint[values][..., y].sum())
            before, past = joint[values[:-1]], float(joint[values].sum())
            whole = float(before.sum())
            total += p * math.log(p * whole / (past * float(before[..., y].sum()))) if p else 0.0
    return total


@check("reasoning/chain-entropy", area="reasoning", source=SOURCE)
def chain_entropy() -> list[Truth]:
    """Mean fall of the entropy at each step over all chains, weighted by their probability; metrics by hand."""
    tree = draw_tree(Random("chains"), 5, branching=0.5)
    joint = tree.joint
    chains = list(product((0, 1), repeat=4))
    weights = np.array([float(joint[chain].sum()) for chain in chains])
    requests = [("".join(map(str, chain[:t])), f"{CUE} 1.") for chain in chains for t in range(5)]
    found = entropies(cast("LanguageModel", Oracle(tree)), requests)
    column = Ragged(np.array([entropy for entropy, _ in found]), np.arange(0, len(found) + 1, 5))
    falls = step_utilities(column).values.reshape(-1, 4)
    nll = np.array([value for _, value in found]).reshape(-1, 5)[0, 0]
    mixed = Ragged.of([[3.0, 1.0, 2.0], [1.0], [0.5, 0.0]], np.float64)
    flat = Ragged(np.ones(4), np.arange(5))
    tied = Chains(
        ids=np.arange(4).astype(np.str_),
        entropy=flat,
        nll=flat,
        correct=np.array([False, True, False, True]),
        tokens=np.array([1, 2, 2, 3]),
        text=np.full(4, "", dtype=object),
    )
    return [
        *(exact(information(joint, t), float(weights @ falls[:, t - 1]), f"I(Y; z{t} | before)") for t in range(1, 5)),
        exact(-math.log(tree.marginal(4)), float(nll), "surprise of the answer before any step"),
        exact(1.0, float(reductions(mixed)[0]), "reduction by hand"),
        exact(-0.5, float(slopes(mixed)[0]), "slope by hand"),
        exact(0.0, float(slopes(mixed)[1]), "slope of a chain without steps"),
        exact(0.875, float(length_auroc(tied, np.ones((1, 4)))[0]), "AUROC with a tie"),
        Truth(2, len(split(" 7 + 25 = 32. 32 - 4 = 28. So 28.")), 0, "steps of a chain"),
    ]
