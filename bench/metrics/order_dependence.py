"""How an answer hangs on the order in which its choices were put.

Rows are `Choices` with `order`, and a question's rows share their group (see `bench.metrics.orders`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Ints
from bench.components import Metric, NotApplicable, PerSample, metric, per_sample
from bench.records import Choices, Record
from bench.registry import find

SOURCE = "McIlroy-Young et al. 2024, Set-Based Prompting, arXiv:2406.06581"
PAPERS = ("Set-Based Prompting: Provably Solving the Language Model Order Dependency Problem",)


def _answers(record: Choices) -> tuple[Ints, Ints]:
    """The choice of the question that each row answers, and the question's place among the groups, each (n,)."""
    if record.order is None or record.groups is None:
        raise NotApplicable("the record has no 'order' of the choices, with 'groups' that name the question")
    chosen = record.order.values[record.order.offsets[:-1] + record.predicted]
    return chosen, np.unique(record.groups, return_inverse=True)[1]


@metric(
    "order-flip-rate",
    of=Choices,
    area="reasoning",
    better="lower",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/order-dependence",
)
def order_flip_rate(record: Choices) -> PerSample:
    """Share of pairs of orders of a question that are answered differently.  A question counts once for each order."""
    chosen, question = _answers(record)
    votes = np.zeros((question.max(initial=0) + 1, int(record.loglik.lengths.max(initial=1))))
    np.add.at(votes, (question, chosen), 1)
    rows = votes.sum(axis=1)
    if len(record) and rows.min() < 2:
        raise NotApplicable("a question was asked in one order only")
    return per_sample((1 - (votes * (votes - 1)).sum(axis=1) / (rows * (rows - 1)))[question])


def _each(record: Choices, *, any_order: bool) -> PerSample:
    _, question = _answers(record)
    right = np.bincount(question, record.correct, question.max(initial=0) + 1)
    rows = np.bincount(question, minlength=question.max(initial=0) + 1)
    return per_sample((right > 0 if any_order else right == rows)[question])


@metric(
    "accuracy-best-order",
    of=Choices,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/order-dependence",
)
def accuracy_best_order(record: Choices) -> PerSample:
    """Share of questions answered rightly in some order: accuracy if the best order of each were known."""
    return _each(record, any_order=True)


@metric(
    "accuracy-worst-order",
    of=Choices,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/order-dependence",
)
def accuracy_worst_order(record: Choices) -> PerSample:
    """Share of questions answered rightly in every order: accuracy if an adversary chose the order of each."""
    return _each(record, any_order=False)


def order_metrics(_: Record) -> Sequence[Metric]:
    """What a task of orders takes as `own`."""
    names = ("order-flip-rate", "accuracy-best-order", "accuracy-worst-order")
    return [*(find(Metric, name) for name in names), find(Metric, "choice-order-accuracy")]
