"""Blurred digits, and what is known of their shapes: sets of classes by both."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.capabilities import Fittable
from bench.components import task
from bench.conformal.reasoning import COLEP
from bench.errors import UsageError
from bench.examples import Examples
from bench.latest import latest
from bench.records import Reasoned, log_softmax
from bench.references.corruptions import noised
from bench.references.digits import CLASSES, SOURCE, digits
from bench.seeds import derive, generator
from bench.tasks.asking import Asked

NAME = "uncertainty/knowledge"
NOISE = 0.5
# Training digits whose class is known; of all 900 the concepts are.
LABELLED = 100
# Which digits have a loop, a straight bar across, an open end at the bottom left, and are even.
CONCEPTS = {"loop": "0689", "bar": "2457", "foot": "3579", "even": "02468"}
KNOWLEDGE = tuple("".join("01"[str(digit) in having] for having in CONCEPTS.values()) for digit in range(CLASSES))


@task(
    NAME,
    needs="classifier",
    yields=Reasoned,
    source=f"Kang et al. 2024, arXiv:2403.11348; {SOURCE}",
    metrics=("accuracy", "nll"),
    calibrators=("conformal-lac", "conformal-knowledge"),
    papers=(COLEP,),
    check="uncertainty/knowledge-corrected",
)
def uncertainty_knowledge(seed: int) -> Examples:
    """Digits with noise (.5), whose class is asked of a model, and four concepts each of a copy of it.

    A digit has a loop or not, a bar, a foot, and is even or odd; which digit has what is known, so that a class whose
    concepts seem not to be there is less likely.  Classes are learnt from 100 digits, concepts, which are easier told,
    from 900.
    """
    parts = {}
    for split in ("train", "calibration", "test"):
        part = digits(split)
        parts[split] = replace(part, inputs=noised(np.asarray(part.inputs), NOISE, generator(seed, NAME, split)))
    asker = Asked(partial(_ask, train=parts["train"]))
    parts["train"] = parts["train"].take(np.arange(LABELLED))
    return replace(Examples.join(parts), asker=asker)


@latest
def _believers(model: Any, train: Examples) -> list[Any]:
    """Copies of the model, each fitted to one concept of the training digits."""
    labels = np.asarray(train.targets)
    copies = []
    for name, having in CONCEPTS.items():
        held = np.isin(labels, [int(digit) for digit in having]).astype(np.int64)
        one = copy.deepcopy(model)
        one.fit(replace(train, targets=held, classes=2, asker=None), derive(0, NAME, name))
        copies.append(one)
    return copies


def _ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any], *, train: Examples) -> Reasoned:
    """The record of a batch: the model's classes, and its copies' concepts."""
    learns = isinstance(model, Fittable)
    if not learns:
        raise UsageError(
            "the model learns no concepts", cause="it isn't fitted", fix="ask one that learns: -m logistic"
        )
    inputs = np.asarray(batch.inputs)
    concepts: Float64s = np.stack(
        [np.exp(log_softmax(one.classify(inputs).logits))[:, 1] for one in _believers(model, train)], axis=1
    )
    return Reasoned(
        **common,
        logits=model.classify(inputs).logits,
        labels=np.asarray(batch.targets),
        concepts=concepts,
        knowledge=KNOWLEDGE,
    )
