"""Questions asked with their choices in several orders: the pull of a position, and answers without it.

A row is a question in one order; rows of one question share their group, and the record's `order` says which choice
stood at each position.  Averaged over all orders, or over a balanced set such as the cyclic ones, every choice has
stood everywhere equally often, so what a model likes about a position cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Ints, Strings
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.errors import RecordError
from bench.records import Choices

SOURCE = "Dominguez-Olmedo, Hardt and Mendler-Dünner 2023, Questioning the Survey Responses of Large Language Models"
PAPERS = ("Questioning the Survey Responses of Large Language Models",)


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Answers averaged over the orders of each of Q questions.

    questions: (Q,), their groups.  probs: (Q, most), 0 beyond a question's own choices.  sizes: (Q,), its choices.
    labels: (Q,), the right choice.  of_row: (n,), the question of each row of the record.
    """

    questions: Strings
    probs: Float64s
    sizes: Ints
    labels: Ints
    of_row: Ints


def adjusted(record: Choices) -> Adjusted:
    """The order-adjusted distribution of each question: the mean over its orders of the distribution over choices."""
    if record.order is None or record.groups is None:
        raise NotApplicable("the record has no 'order' of the choices, with 'groups' that name the question")
    probs = np.exp(record.log_probs)
    lengths = record.order.lengths
    row = np.repeat(np.arange(len(record)), lengths)
    place = np.arange(len(row)) - record.order.offsets[row]
    by_choice = np.zeros_like(probs)
    by_choice[row, record.order.values] = probs[row, place]
    right = record.order.values[record.order.offsets[:-1] + record.labels]
    names, first, of_row = np.unique(record.groups, return_index=True, return_inverse=True)
    sizes, labels = lengths[first], right[first]
    record.refuse("order", lengths != sizes[of_row], "of as many choices as the group's other rows")
    record.refuse("labels", right != labels[of_row], "the same choice in all orders of a question (one group)")
    sums = np.zeros((len(names), probs.shape[1]))
    np.add.at(sums, of_row, by_choice)
    return Adjusted(names, sums / np.bincount(of_row)[:, None], sizes, labels, of_row)


def position_bias(record: Choices) -> Float64s:
    """Mean probability of each position less 1 / C, (C,): the first is the A-bias.  Rows count by their weights.

    All rows need equally many choices (`RecordError`).  It is the pull of the position alone only where the orders
    are balanced; otherwise it holds what the choices at that position deserve too.
    """
    sizes = record.loglik.lengths
    if len(np.unique(sizes)) != 1:
        raise RecordError(
            "choices: rows differ in their number of choices",
            cause="a position's share is 1 / C of them",
            fix="take rows of one size at a time",
        )
    return np.average(np.exp(record.log_probs), axis=0, weights=record.weights) - 1 / sizes[0]


def normalised_entropy(probs: Float64s, sizes: Ints) -> Float64s:
    """Entropy over the last axis divided by the log of the number of choices, in [0, 1]: 1 for a uniform answer."""
    from scipy.special import xlogy

    return np.clip(-xlogy(probs, probs).sum(axis=-1) / np.log(sizes), 0.0, 1.0)


def kl_divergence(p: Float64s, q: Float64s) -> Float64s:
    """KL(p || q) over the last axis, nats: infinite where p holds what q excludes."""
    from scipy.special import rel_entr

    return rel_entr(p, q).sum(axis=-1)


def total_variation(p: Float64s, q: Float64s) -> Float64s:
    """Half the sum of |p - q| over the last axis, in [0, 1]."""
    return np.abs(p - q).sum(axis=-1) / 2


def nearest_population(answers: Float64s, populations: dict[str, Float64s]) -> tuple[str, dict[str, float]]:
    """The population of least mean KL divergence from its distributions to the answers, and each one's mean.

    answers: (Q, C).  populations: name -> (Q, C).  KL(population || answers), as of a population that the answers
    are to stand for; the first of equals.
    """
    distances = {name: float(kl_divergence(p, answers).mean()) for name, p in populations.items()}
    return min(distances, key=distances.__getitem__), distances


@metric(
    "choice-position-bias",
    of=Choices,
    area="calibration",
    better="none",
    range=(-1, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="calibration/choice-orders",
)
def choice_position_bias(record: Choices) -> PerSample:
    """A-bias: mean probability of the first choice, less 1 / C.  Unbiased.

    The pull of the first position where each question is asked in a balanced set of orders, or where the right choice
    is placed at random; `position_bias` gives all positions.
    """
    return per_sample(np.exp(record.log_probs[:, 0]) - 1 / record.loglik.lengths)


@metric(
    "choice-order-accuracy",
    of=Choices,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="calibration/choice-orders",
)
def choice_order_accuracy(record: Choices) -> PerSample:
    """Share of questions whose right choice is the most probable one on average over the orders they were asked in.

    A question counts once for each order.  It needs `order`, and `groups` that name the question.  The first of equals
    is taken.
    """
    of = adjusted(record)
    return per_sample((of.probs.argmax(axis=1) == of.labels)[of.of_row])


@metric(
    "choice-order-entropy",
    of=Choices,
    area="calibration",
    better="none",
    range=(0, 1),
    biased=True,
    default=False,
    source=SOURCE,
    papers=PAPERS,
    check="calibration/choice-orders",
)
def choice_order_entropy(record: Choices) -> PerSample:
    """Mean normalised entropy H / log C of the order-adjusted answers: 1 where nothing but the position was answered.

    Biased downwards where only some of the orders were asked: what is left of the positions looks like an opinion.
    """
    of = adjusted(record)
    return per_sample(normalised_entropy(of.probs, of.sizes)[of.of_row])
