"""Questions answered twice: what a model of pairs of answers says of its own ignorance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.metrics.pairs import CHECK, PAPER, SOURCE
from bench.records import Paired, log_softmax
from bench.seeds import generator
from bench.tasks.asking import Asked

CLASSES = 3
SIZES = {"train": 3000, "test": 1000}
NAMES = ("noisy", "hidden")
SCORES = ("cheat-variance", "cheat-corrected", "msp", "entropy")


@task(
    "uncertainty/pairs",
    needs="classifier",
    yields=Paired,
    source=f"{SOURCE}, on a world whose p(y|x) is known",
    metrics=(
        "nll", "mse-p", "pair-variance", "pair-bias", "second-order-error", "pair-coverage", "pair-clipped",
    ),
    papers=(PAPER,),
    check=CHECK,
)  # fmt: skip
def uncertainty_pairs(seed: int) -> Examples:
    """1,000 questions with two answers each, of three; a model predicts the pair, a class of nine, from what it sees.

    It sees which of two kinds a question is, and a number.  Answers to noisy questions follow a law that the number
    gives.  Each hidden question has a law of its own, drawn about that one, of which nothing can be seen: the first
    answer is as uncertain as a noisy one's, but tells of the second.  3,000 further pairs are for training.
    """
    draws = generator(seed, "uncertainty/pairs")
    return Examples.join({split: _questions(split, n, draws) for split, n in SIZES.items()})


@task(
    "uncertainty/pairs-hidden",
    needs="classifier",
    yields=Paired,
    source=f"{SOURCE}, on a world whose p(y|x) is known",
    metrics=("mse-p", "pair-variance", "auroc"),
    scores=SCORES,
    papers=(PAPER,),
    check=CHECK,
)
def uncertainty_pairs_hidden(seed: int) -> Examples:
    """`uncertainty/pairs`, the hidden questions to be told from noisy ones; entropy cannot, for both look alike.

    `ood` rows are the hidden questions; metrics of the record itself are of the noisy ones alone.
    """
    examples = uncertainty_pairs(seed)
    return replace(examples, ood=np.asarray(examples.dataset) == NAMES[1])


def law(number: Float64s) -> Float64s:
    """Probabilities of the answers that a number in [0, 1] gives, (n, 3)."""
    turn = 2 * np.pi * (number[:, None] + np.arange(CLASSES) / CLASSES)
    return np.exp(log_softmax(1.2 * np.sin(turn)))


def variance(number: Float64s, hidden: Float64s) -> Float64s:
    """Of each p(y|x) about what can be seen, (n, 3): q (1 - q) / 2 of hidden questions, else 0."""
    q = law(number)
    return np.asarray(hidden[:, None] * q * (1 - q) / 2)


def pairs(number: Float64s, hidden: Float64s) -> Float64s:
    """The law of two answers to all that one can see, (n, 3, 3): the best that any model can say.

    A hidden question's own law is Dirichlet with parameters q, so that E[p_i p_j] = (q_i q_j + [i = j] q_i) / 2.
    """
    q = law(number)
    apart = q[:, :, None] * q[:, None, :]
    together = q[:, :, None] * np.eye(CLASSES)
    return np.where(hidden[:, None, None] > 0, (apart + together) / 2, apart)


def _questions(split: str, n: int, draws: np.random.Generator) -> Examples:
    hidden = np.arange(n) % 2
    number = draws.random(n)
    q = law(number)
    gamma = draws.standard_gamma(q)
    truth = np.where(hidden[:, None] == 1, gamma / gamma.sum(axis=1, keepdims=True), q)
    upto = truth.cumsum(axis=1)[:, :-1]
    first, second = ((draws.random((n, 1)) > upto).sum(axis=1) for _ in range(2))
    return Examples(
        ids=np.array([f"question-{split}-{k:04d}" for k in range(n)]),
        inputs=np.stack([hidden, number], axis=1).astype(np.float64),
        targets=first * CLASSES + second,
        dataset=np.array(NAMES)[hidden],
        truth=truth,
        classes=CLASSES**2,
        asker=Asked(ask),
    )


def ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Paired:
    """The record of a batch: the pairs' law, made symmetric, since two answers have no order."""
    logits = model.classify(np.asarray(batch.inputs)).logits
    n, width = logits.shape
    if width != CLASSES**2:
        raise EvaluationError(
            f"the model knows {width} classes", cause="a pair of answers is one of nine", fix="ask one that learns"
        )
    joint = np.exp(log_softmax(logits)).reshape(n, CLASSES, CLASSES)
    joint = (joint + joint.transpose(0, 2, 1)) / 2
    both: Ints = np.asarray(batch.targets)
    with np.errstate(divide="ignore"):
        first = np.log(joint.sum(axis=2))
    return Paired(**common, logits=first, labels=both // CLASSES, second=both % CLASSES, joint=joint, truth=batch.truth)
