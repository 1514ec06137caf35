"""The reasoning gap where it is known: the best local learner on a chain, and a learner of unlimited data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, cast

import numpy as np

from bench.checks.cases import ERRORS, exact, measured
from bench.components import Truth, check
from bench.examples import Examples
from bench.language import Generated, LanguageModel, Scored
from bench.metrics.locality import PAPERS, SOURCE
from bench.models.ngram import NGram
from bench.procedural.bayes_nets import Tree, draw_tree, local_text
from bench.records import Conditionals
from bench.tasks.reasoning.bayes_nets import Query, ask


@dataclass(frozen=True)
class LocalOracle:
    """The best that can be learnt from texts of two neighbours: exact for neighbours, else the marginal.

    whole: it has seen all variables together, and so knows every pair.
    """

    tree: Tree
    whole: bool = False

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """Log-probability of a next word: each unsaid variable is as likely to be spoken of as any other."""
        return [self._scored(context, word.strip()) for context, word in requests]

    def _scored(self, context: str, word: str) -> Scored:
        last, value = _read(context.rpartition(" ")[2])
        i, one = _read(word)
        p = _known(self.tree, last, value, i, self.whole)
        return Scored(np.log([max(p if one else 1 - p, 1e-300) / len(self.tree)]), greedy=False)

    def generate(self, draws: Sequence[Any]) -> list[Generated]:
        """Nothing: the task only scores."""
        del draws
        return []


def _read(word: str) -> tuple[int, int]:
    variable, _, value = word.removeprefix("A").partition("=")
    return int(variable), int(value)


@cache
def _known(tree: Tree, last: int, value: int, i: int, whole: bool) -> float:
    near = tree.parents[i] == last or tree.parents[last] == i
    return tree.conditional(i, last, value) if near or whole else tree.marginal(i)


def _queries(tree: Tree, traces: int) -> list[Query]:
    out = []
    for given in range(len(tree)):
        for target in range(len(tree)):
            path = tree.path(given, target)
            if len(path) > 3:
                others = tuple(i for i in range(len(tree)) if i not in path)
                truth, marginal = tree.conditional(target, given, 1), tree.marginal(target)
                out.append(Query("A", len(tree), given, 1, target, path[1:-1], others, truth, marginal, traces))
    return out


def _asked(model: Any, tree: Tree, traces: int) -> Conditionals:
    queries = _queries(tree, traces)
    ids = np.array([f"{q.given}-{q.target}" for q in queries])
    common = {"ids": ids}
    return ask(cast("LanguageModel", model), None, Examples(ids=ids, inputs=queries), 0, common)


@check("reasoning/locality", area="reasoning", source=SOURCE, papers=PAPERS)
def locality() -> list[Truth]:
    """The theorem's local estimator on a chain: at once it says the marginal, through the steps the truth.

    A scaffolded estimate is a mean of M traces of expectation p whose values lie in [0, 1], so its squared error has at
    most the expectation p (1 - p) / M.
    """
    tree = draw_tree(Random("locality"), 7, branching=0.0)
    traces = 100
    record = _asked(LocalOracle(tree), tree, traces)
    enumerated = float(tree.joint.sum())
    gap = float(((record.marginal - record.truth) ** 2).mean())
    noise = record.scaffolded - record.truth
    bound = ERRORS * np.sqrt(record.truth * (1 - record.truth) / traces)
    seen = _asked(LocalOracle(tree, whole=True), tree, 4)
    learner = NGram(2)
    texts = [local_text(Random(f"texts/{k}"), tree, "A") for k in range(5_000)]
    learner.fit(Examples(ids=np.arange(len(texts)).astype(str), inputs=texts), 0)
    learnt = _asked(learner, tree, 40)
    return [
        exact(1.0, enumerated, "the joint sums to one"),
        exact(_by_steps(tree), tree.conditional(6, 0, 1), "conditional by products of matrices"),
        exact(gap, measured("mse-direct", record), "at once: the marginal's error"),
        Truth(0.0, float((np.abs(noise) > bound).mean()), 0.0, "scaffolded estimates off by more than their noise"),
        exact(0.0, measured("mse-direct", seen), "at once, all seen together"),
        Truth(gap, measured("reasoning-gap", learnt), 0.25 * gap, "gap of an n-gram after 5,000 texts"),
    ]


def _by_steps(tree: Tree) -> float:
    """p(last = 1 | first = 1) of a chain by its transition matrices."""
    law = np.array([0.0, 1.0])
    for low, high in tree.tables[1:]:
        law = law @ np.array([[1 - low, low], [1 - high, high]])
    return float(law[1])
