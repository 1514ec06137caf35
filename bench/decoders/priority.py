"""Priority sampling: distinct texts in the order of the model's confidence, nothing drawn."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Decision, Prompt
from bench.decoders.best_of_n import picked
from bench.decoders.budget import require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.stepping import Choice, Partial, Stepper, Stream, opened
from bench.language import LanguageModel
from bench.seeds import generator
from bench.verifiers.judging import DEFAULT, Judge, Verify

PAPER = "Priority Sampling of Large Language Models for Compilers"
ORDERS = ("token", "path")


@dataclass(order=True)
class _Branch:
    """A text so far and a token that was not taken there; the heap gives the highest priority, of equals the first."""

    key: tuple[float, int]
    tokens: tuple[int, ...] = field(compare=False)
    token: int = field(compare=False)
    total: float = field(compare=False)


class _Tree:
    """One prompt's unused branches, of which the best are kept."""

    def __init__(self, order: str, limit: int) -> None:
        self.order = order
        self.limit = limit
        self.heap: list[_Branch] = []
        self.count = 0

    def push(self, tokens: tuple[int, ...], log_probs: Float64s, taken: int, total: float) -> None:
        """Remember what else could have followed these tokens."""
        others = np.argsort(-log_probs, kind="stable")
        for token in others[: self.limit + 1].tolist():
            if token != taken and np.isfinite(log_probs[token]):
                own = float(log_probs[token])
                key = own if self.order == "token" else total + own
                heapq.heappush(self.heap, _Branch((-key, self.count), tokens, token, total + own))
                self.count += 1


class _Greedy:
    """Take the likeliest token, and remember the others."""

    def __init__(self, trees: Sequence[_Tree]) -> None:
        self.trees = trees

    def __call__(self, log_probs: Float64s, one: Partial, _: Stream) -> Choice:
        """See `Pick`."""
        taken = int(log_probs.argmax())
        self.trees[one.prompt].push(one.tokens, log_probs, taken, one.total)
        return Choice(taken, 0.0)


@decoder(
    "priority",
    source="Grubisic, Seeker, Synnaeve, Leather, Mellor-Crummey and Cummins 2024, Priority Sampling",
    papers=(PAPER,),
    check="priority",
)
def priority(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 8,
    order: str = "token",
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """The best, by a verifier, of n distinct texts: the greedy one, then others by the model's confidence.

    Each next text takes the unused branch of highest priority and goes on greedily.  order: `token`, by the branching
    token's own probability (the paper's), or `path`, by that of the whole beginning.  With a budget they are as many as
    it bears.
    """
    name = "priority"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(order in ORDERS, name, "order", order, "one of " + ", ".join(ORDERS))
    require_budget(name, budget)
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    with opened(model, name, prompts) as session:
        stepper = Stepper(session, prompts, budget)
        found = enumerate_texts(stepper, n, order, budget)
        out = []
        for k, (prompt, texts) in enumerate(zip(prompts, found, strict=True)):
            made = tuple(stepper.generated(one) for one in texts)
            pool = Pool(made, tuple(prompt.extract(text.text) for text in made))
            scores = judge([prompt] * len(made), made)
            out.append(picked(pool, scores, stepper.cost(k) + judge.cost(prompt)))
        return out


def enumerate_texts(stepper: Stepper, n: int, order: str, budget: int = 0) -> list[list[Partial]]:
    """For each prompt its first n texts by priority, or those that a budget bears; fewer where there are no more."""
    trees = [_Tree(order, max(n, budget)) for _ in stepper.prompts]
    pick = _Greedy(trees)
    found: list[list[Partial]] = [[] for _ in stepper.prompts]
    starts: dict[int, tuple[Partial, tuple[int, ...]]] = {k: (root, ()) for k, root in enumerate(stepper.roots)}
    while starts:
        streams = [generator(0) for _ in starts]  # nothing is drawn
        grown = stepper.grow(
            [one for one, _ in starts.values()],
            streams,
            pick,
            steps=False,
            forced=[first for _, first in starts.values()],
        )
        for k, one in zip(starts, grown, strict=True):
            found[k].append(one)
        starts = {}
        for k, tree in enumerate(trees):
            enough = len(found[k]) >= n if not budget else stepper.tokens[k] + stepper.lengths[k] > budget
            if tree.heap and not enough:
                branch = heapq.heappop(tree.heap)
                starts[k] = (stepper.roots[k], (*branch.tokens, branch.token))
    return found
