"""Multiple choice with the choices in the prompt, in every order: as usual, and read as a set."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Question
from bench.language import LanguageModel, SetReader, UnorderedPrompt
from bench.metrics.order_dependence import PAPERS, SOURCE, order_metrics
from bench.procedural import items
from bench.procedural.items import DIRECT_CUE
from bench.records import Choices
from bench.tasks.asking import Asked

QUESTIONS = 24
CHOICES = 3


@dataclass(frozen=True)
class OrderedQuestion(Question):
    """A question whose choices stand in the prompt in this order: order[j] is the choice at position j."""

    order: tuple[int, ...] = ()
    unordered: UnorderedPrompt | None = None


@task(
    "reasoning/choice-orders",
    needs="language",
    yields=Choices,
    own=order_metrics,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/order-dependence",
)
def choice_orders(seed: int, questions: int = QUESTIONS) -> Examples:
    """24 questions of fact about people, the three choices listed in the prompt in all six orders.

    The rows of a question are one group, and `order` says which choice stood where.  The embedded models know the facts
    and were never shown a list of choices.
    """
    return _ordered(seed, questions, sets=False)


@task(
    "reasoning/choice-sets",
    needs="language",
    yields=Choices,
    own=order_metrics,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/order-dependence",
)
def choice_sets(seed: int, questions: int = QUESTIONS) -> Examples:
    """The questions of `reasoning/choice-orders`, with the choices read as a set (Set-Based Prompting).

    Each choice is read at the same position and sees no other, so that the answer is the same in all orders, and
    `order-flip-rate` is 0 for every model.  For local models with learned or rotary positions.
    """
    return _ordered(seed, questions, sets=True)


def _ordered(seed: int, questions: int, *, sets: bool) -> Examples:
    rows: list[tuple[str, OrderedQuestion, int, str]] = []
    for item in items("biographies", questions, seed):
        own = item.choices.index(item.answer)
        kept = sorted([own, *[i for i in range(len(item.choices)) if i != own][: CHOICES - 1]])
        asked = item.direct.removesuffix(DIRECT_CUE)
        for order in permutations(range(CHOICES)):
            listed = tuple(f" {item.choices[kept[i]]}." for i in order)
            prompt = f"{asked} One of these:{''.join(listed)}{DIRECT_CUE}"
            unordered = UnorderedPrompt(f"{asked} One of these:", listed, DIRECT_CUE) if sets else None
            question = OrderedQuestion(prompt, listed, order, unordered)
            label = order.index(kept.index(own))
            rows.append((f"{item.id}-{''.join(map(str, order))}", question, label, item.id))
    return Examples(
        ids=np.array([row[0] for row in rows]),
        inputs=[row[1] for row in rows],
        targets=np.array([row[2] for row in rows]),
        groups=np.array([row[3] for row in rows]),
        asker=Asked(ask),
    )


def ask(model: LanguageModel, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Choices:
    """The choices scored after the prompt, as text or with the listed choices as a set."""
    questions: list[OrderedQuestion] = list(batch.inputs)
    sets = [(q.unordered, choice) for q in questions if q.unordered is not None for choice in q.choices]
    if sets and not isinstance(model, SetReader):
        raise UsageError(
            "the model can't read choices as a set",
            cause="it doesn't take positions and masks",
            fix="take a local model (hf:… or an embedded one), or reasoning/choice-orders",
        )
    scored = iter(
        model.score_sets(sets)
        if isinstance(model, SetReader) and sets
        else model.score([(q.prompt, choice) for q in questions for choice in q.choices])
    )
    return Choices(
        **common,
        labels=np.asarray(batch.targets),
        loglik=Ragged.of([[next(scored).total for _ in q.choices] for q in questions], np.float64),
        order=Ragged.of([q.order for q in questions], np.int64),
    )
