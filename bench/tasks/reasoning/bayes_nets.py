"""Dependences between variables that no training text shows together: answered at once, or through those between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import task
from bench.examples import Examples
from bench.language import LanguageModel
from bench.metrics.locality import PAPERS, SOURCE
from bench.procedural.bayes_nets import assignment, draw_tree, local_text
from bench.records import Conditionals
from bench.seeds import generator
from bench.tasks.asking import Asked

NETS = 12
VARIABLES = 5
TEXTS = 500
TRACES = 8
FARTHEST = 2  # edges; what lies farther apart no text of three variables shows


@dataclass(frozen=True)
class Query:
    """p(target = 1 | given = value) in the tree whose variables start with `prefix`.

    between: the variables on the way, in order.  elsewhere: as many others, as far as there are.  context: texts that
    stand before the query.
    """

    prefix: str
    variables: int
    given: int
    value: int
    target: int
    between: tuple[int, ...]
    elsewhere: tuple[int, ...]
    truth: float
    marginal: float
    traces: int
    context: str = ""

    @property
    def prompt(self) -> str:
        """The given value, after the context."""
        return self.context + assignment(self.prefix, self.given, self.value)

    @property
    def texts(self) -> list[str]:
        """Roughly what goes through the model: a text for each step of each trace."""
        steps = 2 * (len(self.between) + len(self.elsewhere)) + self.variables * (self.variables - 2)
        return [self.prompt] * (2 + self.traces * steps)


@task(
    "reasoning/bayes-nets",
    needs="language",
    yields=Conditionals,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/locality",
)
def bayes_nets(
    seed: int,
    nets: int = NETS,
    variables: int = VARIABLES,
    texts: int = TEXTS,
    locality: int = 2,
    shots: int = 0,
    traces: int = TRACES,
) -> Examples:
    """Conditionals of variables at least three edges apart in random trees, whose values are known by enumeration.

    The training split holds `texts` local samples of each tree, of `locality` neighbours in a row: `ngram` learns from
    it.  A model that doesn't learn is given `shots` of them in its prompt.  Without either, nothing can be known, and
    the embedded models are no better than chance: they have seen no such text.
    """
    rng = Random(f"bayes-nets/{seed}")
    queries: list[Query] = []
    shown: list[str] = []
    for net in range(nets):
        tree = draw_tree(rng, variables, branching=0.15, strength=0.75)
        prefix = chr(ord("A") + net % 26) * (1 + net // 26)
        own = [local_text(rng, tree, prefix, locality) for _ in range(texts)]
        shown += own
        context = "".join(f"{text}\n" for text in own[:shots])
        for given in range(variables):
            for target in range(variables):
                path = tree.path(given, target)
                if len(path) - 1 <= max(FARTHEST, locality - 1):
                    continue
                between = path[1:-1]
                others = [i for i in range(variables) if i not in path]
                value = rng.randrange(2)
                queries.append(
                    Query(
                        prefix,
                        variables,
                        given,
                        value,
                        target,
                        between,
                        tuple(rng.sample(others, min(len(others), len(between)))),
                        tree.conditional(target, given, value),
                        tree.marginal(target),
                        traces,
                        context,
                    )
                )
    inputs: list[Any] = [*shown, *queries]
    return Examples(
        ids=np.array(
            [f"text-{i}" for i in range(len(shown))]
            + [f"{q.prefix}{q.given}={q.value}-{q.prefix}{q.target}" for q in queries]
        ),
        inputs=inputs,
        groups=np.array([*(f"text-{i}" for i in range(len(shown))), *(f"net-{q.prefix}" for q in queries)]),
        splits=np.array(["train"] * len(shown) + ["test"] * len(queries)),
        asker=Asked(ask),
    )


def ask(model: LanguageModel, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Conditionals:
    """Each query in four ways; traces are drawn by (seed, query's id), whatever stands in the batch."""
    queries: list[Query] = list(batch.inputs)
    if not queries:  # a trained model is asked its test split alone
        raise ValueError("there is no query to ask")
    ids = [str(name) for name in batch.ids]
    free, mentioned = _free(model, queries, ids, seed)
    return Conditionals(
        **common,
        truth=np.array([q.truth for q in queries]),
        marginal=np.array([q.marginal for q in queries]),
        direct=_chances(model, [(q.prompt, q.prefix, q.target) for q in queries]),
        scaffolded=_through(model, queries, [q.between for q in queries], ids, seed, "scaffolded"),
        free=free,
        negative=_through(model, queries, [q.elsewhere for q in queries], ids, seed, "negative"),
        mentioned=mentioned,
    )


def _chances(model: LanguageModel, asked: Sequence[tuple[str, str, int]]) -> Float64s:
    """p(variable = 1 | text) of each (text, prefix, variable), between its two values, (n,)."""
    requests = [(text, " " + assignment(prefix, i, value)) for text, prefix, i in asked for value in (0, 1)]
    totals = np.array([scored.total for scored in model.score(requests)]).reshape(-1, 2)
    return 1 / (1 + np.exp(np.clip(totals[:, 0] - totals[:, 1], -700, 700)))


def _through(
    model: LanguageModel,
    queries: Sequence[Query],
    ways: Sequence[tuple[int, ...]],
    ids: Sequence[str],
    seed: int,
    name: str,
) -> Float64s:
    """Mean over traces of p(target = 1) after the variables of each way, sampled one after the other, (n,)."""
    traces = [k for k, q in enumerate(queries) for _ in range(q.traces)]
    texts = [queries[k].prompt for k in traces]
    draws = np.concatenate(
        [generator(seed, name, id_).random((q.traces, q.variables)) for id_, q in zip(ids, queries, strict=True)]
    )
    for step in range(max((len(way) for way in ways), default=0)):
        live = [t for t, k in enumerate(traces) if step < len(ways[k])]
        chances = _chances(model, [(texts[t], queries[traces[t]].prefix, ways[traces[t]][step]) for t in live])
        for t, chance in zip(live, chances.tolist(), strict=True):
            query = queries[traces[t]]
            value = int(draws[t, step] < chance)
            texts[t] += " " + assignment(query.prefix, ways[traces[t]][step], value)
    last = _chances(
        model, [(text, queries[k].prefix, queries[k].target) for text, k in zip(texts, traces, strict=True)]
    )
    return _means(last, traces, len(queries))


def _free(model: LanguageModel, queries: Sequence[Query], ids: Sequence[str], seed: int) -> tuple[Float64s, Float64s]:
    """Mean over traces of p(target = 1) where the model chooses what to say next, and how much of the way it says.

    At each step one of all values of all unsaid variables is drawn in proportion to its probability; when the target is
    drawn the trace ends, and its chance there counts.
    """
    traces = [k for k, q in enumerate(queries) for _ in range(q.traces)]
    texts = [queries[k].prompt for k in traces]
    unsaid = [[i for i in range(queries[k].variables) if i != queries[k].given] for k in traces]
    draws = np.concatenate(
        [generator(seed, "free", id_).random((q.traces, q.variables)) for id_, q in zip(ids, queries, strict=True)]
    )
    said: list[set[int]] = [set() for _ in traces]
    chances = np.zeros(len(traces))
    live = list(range(len(traces)))
    for step in range(max((q.variables for q in queries), default=0)):
        options = [[(i, value) for i in unsaid[t] for value in (0, 1)] for t in live]
        requests = [
            (texts[t], " " + assignment(queries[traces[t]].prefix, i, value))
            for t, some in zip(live, options, strict=True)
            for i, value in some
        ]
        totals = iter([scored.total for scored in model.score(requests)])
        onward = []
        for t, some in zip(live, options, strict=True):
            logs = np.array([next(totals) for _ in some])
            mass = np.cumsum(np.exp(logs - logs.max()))
            chosen, value = some[int(np.searchsorted(mass, draws[t, step] * mass[-1], side="right"))]
            query = queries[traces[t]]
            if chosen == query.target:
                zero, one = (np.exp(logs - logs.max())[some.index((chosen, v))] for v in (0, 1))
                chances[t] = one / (zero + one)
                continue
            texts[t] += " " + assignment(query.prefix, chosen, value)
            unsaid[t].remove(chosen)
            said[t].add(chosen)
            onward.append(t)
        live = onward
        if not live:
            break
    shares = np.array([len(said[t] & set(queries[k].between)) / len(queries[k].between) for t, k in enumerate(traces)])
    return _means(chances, traces, len(queries)), _means(shares, traces, len(queries))


def _means(values: Float64s, traces: Sequence[int], count: int) -> Float64s:
    return np.bincount(traces, values, count) / np.bincount(traces, minlength=count)
