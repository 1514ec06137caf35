"""Claims and sets on models whose every answer is known: one that copies, one that looks up, and tables of facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, cast

import numpy as np

from bench.answers.aggregation import contrast, minimum, mixture, odd_one_out, posterior, product
from bench.checks.cases import exact
from bench.components import Metric, Truth, check
from bench.examples import Examples
from bench.language import Generated, LanguageModel, Scored
from bench.metrics.recall import SOURCE, recall_metrics
from bench.procedural.capitals import CAPITALS
from bench.records import Choices
from bench.runners.ask import ASKERS
from bench.seeds import generator
from bench.stats.intervals import value
from bench.tasks.reasoning.recall import capitals
from bench.tasks.reasoning.sets import SOURCE as SETS_SOURCE


@dataclass(frozen=True)
class Scripted:
    """A language model that is a function of (context, continuation)."""

    log_prob: Callable[[str, str], float]

    def score(self, requests: Sequence[tuple[str, str]]) -> list[Scored]:
        """The function's value as one token."""
        return [Scored(np.array([self.log_prob(*request)]), greedy=False) for request in requests]

    def generate(self, draws: Sequence[Any]) -> list[Generated]:
        """Nothing: these tasks only score."""
        del draws
        return []


def asked(model: Any, examples: Examples) -> Choices:
    """The record of a scripted model's choices."""
    common = {"ids": examples.ids, "groups": examples.groups, "dataset": examples.dataset}
    asker = examples.asker or ASKERS[Choices]
    return cast("Choices", asker(cast("LanguageModel", model), None, examples, 0, common))


def copies(context: str, city: str) -> float:
    """Half of the mass to what the prompt claims, else evenly spread."""
    return float(np.log(0.5 if f"is{city}." in context else 0.1))


def looks_up(context: str, city: str) -> float:
    """0.6 to the capital of the country that was asked about, whatever the prompt claims."""
    country = context.partition("Q: What is the capital of ")[2].partition("?")[0]
    return float(np.log(0.6 if city == f" {CAPITALS[country]}" else 0.02))


@check("reasoning/recall", area="reasoning", source=SOURCE)
def recall() -> list[Truth]:
    """A model that copies the claim, and one that looks the fact up: rates of 0 and 1, and log-odds by hand."""
    examples = capitals(0)
    copied, looked = asked(Scripted(copies), examples), asked(Scripted(looks_up), examples)
    metrics: dict[str, Metric] = {metric.name: metric for metric in recall_metrics(copied)}
    out = []
    for record, who, rate, odds in ((copied, "copies", 1.0, np.log(5)), (looked, "looks up", 0.0, np.log(0.02 / 0.6))):
        out += [
            exact(rate, value(metrics["claimed-rate"], record) or 0.0, f"{who}: claimed"),
            exact(rate, value(metrics["claim-preferred"], record) or 0.0, f"{who}: claim preferred"),
            exact(1 - rate, value(metrics["remembered-rate"], record) or 0.0, f"{who}: remembered"),
            exact(0.0, value(metrics["other-rate"], record) or 0.0, f"{who}: other"),
            exact(float(odds), value(metrics["claim-log-odds"], record) or np.nan, f"{who}: log-odds"),
        ]
    return out


@check("reasoning/sets", area="reasoning", source=SETS_SOURCE)
def sets() -> list[Truth]:
    """Rules against enumeration of a table of facts: Bayes' rule, order of the members, sets of one, odd ones out."""
    rng = generator(0, "sets")
    prior, table = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(5), 4)  # z, and p(item | z)
    items = [0, 3, 3]
    joint = prior.copy()
    for item in items:
        joint = joint * table[:, item]
    bayes = joint / joint.sum()
    given = np.log(table[:, items].T)  # (I, J): log p(item | z)
    answers = np.log(rng.dirichlet(np.ones(4), 3))
    rules = (product, mixture, minimum, lambda x: contrast(x, np.log(prior)))
    moved = max(
        float(np.abs(rule(answers[list(order)]) - rule(answers)).max())
        for rule in rules
        for order in permutations(range(3))
    )
    alone = max(float(np.abs(rule(answers[:1]) - answers[0]).max()) for rule in rules[:3])
    p = np.exp(answers)
    odd = np.array(
        [sum((1 - p[i, z]) * np.prod([p[k, z] for k in range(3) if k != i]) for z in range(4)) for i in range(3)]
    )
    far = np.array([[-1000.0, -1001.0], [-2000.0, -2000.0]])
    return [
        exact(
            0.0, float(np.abs(np.exp(posterior(given, np.log(prior))) - bayes).max()), "posterior of a latent answer"
        ),
        exact(0.0, float(np.abs(np.exp(mixture(answers)) - p.mean(axis=0)).max()), "mixture"),
        exact(0.0, moved, "order of the members"),
        exact(0.0, alone, "sets of one"),
        exact(0.0, float(np.abs(np.exp(odd_one_out(answers)) - odd / odd.sum()).max()), "odd one out"),
        exact(1 / (1 + np.exp(-1.0)), float(np.exp(product(far))[0]), "logs of -1000"),
    ]
