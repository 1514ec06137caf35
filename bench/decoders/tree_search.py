"""Monte-Carlo tree search over steps, and answers that are revised: two ways to spend one budget of tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bench.components import decoder
from bench.decisions import Cost, Decision, Prompt
from bench.decoders.best_of_n import BAG, picked
from bench.decoders.budget import repeated, require, require_budget
from bench.decoders.draws import Pool, draw_pools
from bench.decoders.guided import ALPHA_MATH, scored
from bench.decoders.stepping import Partial, Stepper, Tempered, opened
from bench.language import Generated, LanguageModel
from bench.seeds import generator
from bench.verifiers.judging import DEFAULT, Judge, Verify

AGAIN = "{prompt}{text}\n\n{prompt}"


@dataclass(eq=False)
class Node:
    """A text so far in a tree: how often it was visited, the sum of what came of it, and the steps after it."""

    partial: Partial
    parent: Node | None = None
    prior: float = 1.0
    value: float = 0.0
    visits: int = 0
    total: float = 0.0
    children: list[Node] = field(default_factory=list)
    solved: bool = False

    @property
    def mean(self) -> float:
        """Mean of what came of it; its own value before any visit."""
        return self.total / self.visits if self.visits else self.value


def select(root: Node, explore: float) -> Node:
    """The leaf to go on with: down by PUCT, mean + c · prior · √visits of the parent / (1 + visits), first of equals.

    Branches that are explored to their ends are passed by.
    """
    at = root
    while at.children:
        open_ones = [child for child in at.children if not child.solved]
        size = math.sqrt(max(1, at.visits))
        at = max(open_ones, key=lambda c: c.mean + explore * c.prior * size / (1 + c.visits))
    return at


def expand(leaf: Node, grown: Sequence[Partial], values: Sequence[float]) -> None:
    """Give a leaf its children, equal ones as one, and pass the values of all up to the root."""
    made: dict[tuple[int, ...], Node] = {}
    for one, value in zip(grown, values, strict=True):
        child = made.get(one.tokens)
        if child is None:
            new = one.logprobs[len(leaf.partial.logprobs) :]
            prior = float(np.exp(np.mean(new))) if new else 1.0
            made[one.tokens] = Node(one, leaf, prior, value, solved=one.ended)
    leaf.children = list(made.values())
    if not leaf.children:
        leaf.solved = True
    for child in leaf.children:
        at: Node | None = child
        while at is not None:
            at.visits += 1
            at.total += child.value
            at = at.parent
    up: Node | None = leaf
    while up is not None:
        up.solved = bool(up.children) and all(child.solved for child in up.children)
        up = up.parent


@decoder(
    "mcts",
    source="Kocsis and Szepesvári 2006, UCT; Chen et al. 2024, AlphaMath (PUCT over steps, values for rollouts)",
    papers=(BAG, ALPHA_MATH),
    check="guided-search",
)
def mcts(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    n: int = 16,
    branch: int = 3,
    explore: float = 1.0,
    temperature: float = 0.7,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """Tree search over steps: n times a leaf is chosen, goes on in `branch` sampled steps, and these are judged.

    A leaf is chosen by PUCT, its prior being its last step's probability per token; the value of a text, ended or not,
    is the verifier's score, without rollouts.  The answer is the ended text of highest score; where none has ended, the
    most visited is continued greedily.  With a budget it goes on while a step may still fit.
    """
    name = "mcts"
    require(isinstance(n, int) and n >= 1, name, "n", n, "a whole number of at least 1")
    require(isinstance(branch, int) and branch >= 1, name, "branch", branch, "a whole number of at least 1")
    require(explore >= 0, name, "explore", explore, "at least 0")
    require(temperature >= 0, name, "temperature", temperature, "at least 0")
    require_budget(name, budget)
    judge = Judge(model, name, seed, verifier, fpr, fnr)
    with opened(model, name, prompts) as session:
        stepper = Stepper(session, prompts, budget)
        roots = search(stepper, judge, seed, n, branch, explore, temperature, budget)
        return [_decision(stepper, judge, k, root) for k, root in enumerate(_finished(stepper, judge, roots, budget))]


def search(
    stepper: Stepper, judge: Judge, seed: int, n: int, branch: int, explore: float, temperature: float, budget: int
) -> list[Node]:
    """The tree of each prompt after n simulations, or after those that a budget bears; fully explored ones are done."""
    roots = [Node(root, solved=root.ended) for root in stepper.roots]
    streams = [generator(seed, "mcts", prompt.id) for prompt in stepper.prompts]
    number = 0
    while True:
        going = [k for k, root in enumerate(roots) if not root.solved and _affords(stepper, k, root, branch, budget)]
        if not going or (not budget and number >= n):
            return roots
        leaves = [select(roots[k], explore) for k in going]
        ways = [(leaf.partial, streams[k]) for k, leaf in zip(going, leaves, strict=True) for _ in range(branch)]
        # A stream serves its prompt's branches one token at a time, in their order.
        grown = stepper.grow([one for one, _ in ways], [stream for _, stream in ways], Tempered(temperature))
        values = scored(stepper, judge, grown)
        for at, leaf in enumerate(leaves):
            own = slice(at * branch, (at + 1) * branch)
            expand(leaf, grown[own], values[own])
        number += 1


def _affords(stepper: Stepper, k: int, root: Node, branch: int, budget: int) -> bool:
    """Whether a simulation surely fits, with enough left to end a text."""
    length = stepper.lengths[k]
    return not budget or stepper.tokens[k] + (branch + 1) * length <= budget or not root.children


def _ended(root: Node) -> list[Node]:
    found, stack = [], [root]
    while stack:
        node = stack.pop()
        found += [node] if node.partial.ended else []
        stack += node.children[::-1]
    return found


def _finished(stepper: Stepper, judge: Judge, roots: Sequence[Node], budget: int) -> Sequence[Node]:
    """The trees, those without an ended text having their most visited path continued greedily."""
    del budget
    bare = [root for root in roots if not _ended(root)]
    ends = []
    for root in bare:
        at = root
        while at.children:
            at = max(at.children, key=lambda child: (child.visits, child.mean))
        ends.append(at)
    streams = [generator(0) for _ in ends]  # greedy: nothing is drawn
    grown = stepper.grow([node.partial for node in ends], streams, Tempered(0.0), steps=False)
    for node, one, value in zip(ends, grown, scored(stepper, judge, grown), strict=True):
        node.children = [Node(one, node, value=value, solved=True)]
    return roots


def _decision(stepper: Stepper, judge: Judge, k: int, root: Node) -> Decision:
    prompt, nodes = stepper.prompts[k], _ended(root)
    texts = tuple(stepper.generated(node.partial) for node in nodes)
    pool = Pool(texts, tuple(prompt.extract(text.text) for text in texts))
    return picked(pool, np.array([node.value for node in nodes]), stepper.cost(k) + judge.cost(prompt))


@dataclass(frozen=True)
class _Revised:
    texts: tuple[Generated, ...]
    scores: tuple[float, ...]
    cost: Cost


@decoder(
    "self-refine",
    source="Madaan et al. 2023, Self-Refine; Liu et al. 2025, Bag of Tricks",
    papers=(BAG,),
    check="self-refine",
)
def self_refine(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seed: int,
    rounds: int = 3,
    temperature: float = 0.7,
    verifier: str | Verify = DEFAULT,
    fpr: float = 0.0,
    fnr: float = 0.0,
    budget: int = 0,
) -> list[Decision]:
    """A draft, revised `rounds` times: the model sees its best text so far, and is asked the same again.

    The verifier says which text is the best; its score is the confidence.  With a budget revisions go on while they
    surely fit.  A model that never saw a question asked twice gains nothing from it.
    """
    name = "self-refine"
    require(isinstance(rounds, int) and rounds >= 0, name, "rounds", rounds, "a whole number of at least 0")
    require_budget(name, budget)
    best: dict[str, tuple[float, Generated]] = {}

    def run(some: list[Prompt]) -> list[_Revised]:
        judge = Judge(model, name, seed, verifier, fpr, fnr)
        asked = [
            replace(p, text=AGAIN.format(prompt=p.text, text=best[p.id][1].text), id=f"{p.id}|{p.run}") if p.run else p
            for p in some
        ]
        texts = [pool.texts[0] for pool in draw_pools(model, asked, name, seed, 1, temperature, 1.0)]
        scores = judge(some, texts)
        for prompt, text, score in zip(some, texts, scores.tolist(), strict=True):
            if prompt.id not in best or score > best[prompt.id][0]:
                best[prompt.id] = (score, text)
        return [
            _Revised((text,), (float(score),), Cost.of((text,)) + judge.cost(prompt))
            for prompt, text, score in zip(some, texts, scores, strict=True)
        ]

    if budget:
        # Each run looks at the best text so far.
        found = repeated(prompts, budget, lambda prompt: prompt.max_tokens, run, lambda one: one.cost, together=0)
    else:
        made = [run([replace(prompt, run=number) for prompt in prompts]) for number in range(rounds + 1)]
        found = [[each[k] for each in made] for k in range(len(prompts))]
    out = []
    for prompt, runs in zip(prompts, found, strict=True):
        texts = tuple(one.texts[0] for one in runs)
        pool = Pool(texts, tuple(prompt.extract(text.text) for text in texts))
        out.append(picked(pool, np.array([one.scores[0] for one in runs]), sum((one.cost for one in runs), Cost())))
    return out
