"""Priority sampling: distinct texts in the order of the model's confidence, nothing drawn."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s
from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.best_of_n import picked
from bench.decoders.budget import require, require_budget
from bench.decoders.draws import Pool
from bench.decoders.stepping import Choice, Partial, Stepper, Stream, opened
from bench.language import LanguageModel
from bench.seeds import generator
from bench.verifiers.judging import DEFAULT, Judge, Verify

PAPER = "Priority Sampling of Large Language Models for Compilers"
ORDERS = ("token", "path")
# Beginnings that are continued together; and, with a budget, how many others of one place are remembered.
AHEAD, KEPT = 8, 64


@dataclass(frozen=True, eq=False)
class _Place:
    """A text so far, and what else could have followed it, likeliest first."""

    tokens: tuple[int, ...]
    others: tuple[int, ...]
    log_probs: tuple[float, ...]
    total: float


class _Tree:
    """One prompt's branches that were not taken; of a place only the best is in the heap, until it is taken."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.heap: list[tuple[float, int, int]] = []
        self.places: list[_Place] = []

    def add(self, place: _Place) -> None:
        """Remember what else could have followed a text."""
        self.places.append(place)
        self._push(len(self.places) - 1, 0)

    def _push(self, number: int, rank: int) -> None:
        place = self.places[number]
        if rank < len(place.others):
            own = place.log_probs[rank]
            key = own if self.order == "token" else place.total + own
            # Of equals the first to be found.
            heapq.heappush(self.heap, (-key, number, rank))

    def best(self, count: int) -> list[tuple[int, ...]]:
        """The beginnings that come next as things stand, at most so many."""
        return [self._tokens(number, rank) for _, number, rank in heapq.nsmallest(count, self.heap)]

    def take(self) -> None:
        """Take the best branch away; the next one of its place stands in for it."""
        _, number, rank = heapq.heappop(self.heap)
        self._push(number, rank + 1)

    def _tokens(self, number: int, rank: int) -> tuple[int, ...]:
        place = self.places[number]
        return (*place.tokens, place.others[rank])


class _Greedy:
    """Take the likeliest token, and note the others; found: by prompt, the places of each text that was made."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.found: dict[tuple[int, tuple[int, ...]], _Place] = {}

    def __call__(self, log_probs: Float64s, one: Partial, _: Stream) -> Choice:
        """See `Pick`."""
        taken = int(log_probs.argmax())
        likely = np.argsort(-log_probs, kind="stable")[: self.limit + 1]
        others = likely[(likely != taken) & np.isfinite(log_probs[likely])]
        place = _Place(one.tokens, tuple(others.tolist()), tuple(log_probs[others].tolist()), one.total)
        self.found[one.prompt, one.tokens] = place
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
    it bears, of which at most 64 branch off at one place.
    """
    name = "priority"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(order in ORDERS, name, "order", order, "one of " + ", ".join(ORDERS))
    require_budget(name, budget)
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    with opened(model, name, prompts) as session:
        stepper = Stepper(session, prompts, budget)
        found, costs = enumerate_texts(stepper, n, order, budget)
        out = []
        for prompt, texts, cost in zip(prompts, found, costs, strict=True):
            made = tuple(stepper.generated(one) for one in texts)
            pool = Pool(made, tuple(prompt.extract(text.text) for text in made))
            scores = judge([prompt] * len(made), made)
            out.append(picked(pool, scores, cost + judge.cost(prompt)))
        return out


def enumerate_texts(stepper: Stepper, n: int, order: str, budget: int = 0) -> tuple[list[list[Partial]], list[Cost]]:
    """For each prompt its first n texts by priority, or those that a budget bears; fewer where there are no more.

    Beginnings that stand next in the order are continued together, before it is known that none comes between; what
    each prompt cost is told without those that were not needed.
    """
    trees = [_Tree(order) for _ in stepper.prompts]
    pick = _Greedy(min(budget, KEPT) if budget else n)
    found: list[list[Partial]] = [[] for _ in stepper.prompts]
    costs = [Cost() for _ in stepper.prompts]
    made: dict[tuple[int, tuple[int, ...]], Partial] = {}
    wanted: list[tuple[int, tuple[int, ...]]] = [(k, ()) for k in range(len(stepper.prompts))]

    def take(k: int, first: tuple[int, ...]) -> None:
        one = made.pop((k, first))
        found[k].append(one)
        costs[k] += Cost(len(one.tokens) - len(first), 1)
        for size in range(len(first), len(one.tokens)):
            trees[k].add(pick.found.pop((k, one.tokens[:size])))

    while wanted:
        roots = [stepper.roots[k] for k, _ in wanted]
        streams = [generator(0)] * len(wanted)  # nothing is drawn
        grown = stepper.grow(roots, streams, pick, steps=False, forced=[first for _, first in wanted])
        made |= dict(zip(wanted, grown, strict=True))
        for k in dict.fromkeys(k for k, _ in wanted):
            if not found[k]:
                take(k, ())
            while _goes_on(stepper.lengths[k], len(found[k]), costs[k], n, budget) and (next_one := trees[k].best(1)):
                if (k, next_one[0]) not in made:
                    break
                trees[k].take()
                take(k, next_one[0])
        wanted = [
            (k, first)
            for k, tree in enumerate(trees)
            if _goes_on(stepper.lengths[k], len(found[k]), costs[k], n, budget)
            for first in tree.best(AHEAD)
            if (k, first) not in made
        ]
    return found, costs


def _goes_on(length: int, made: int, cost: Cost, n: int, budget: int) -> bool:
    """Whether there is to be another text, and a budget bears one of full length."""
    return cost.tokens + length <= budget if budget else made < n
