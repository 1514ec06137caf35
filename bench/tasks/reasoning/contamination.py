"""Whether a model has met the questions of a reasoning task before: by how familiar their worked answers are to it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.procedural import items
from bench.records import Record, Scores
from bench.tasks.asking import Asked
from bench.tasks.likelihood.membership import familiar

QUESTIONS = 150
KINDS = ("loss", "min-k", "min-k++")
OF = ("arithmetic", "logic", "ciphers")


@task(
    "reasoning/contamination",
    needs="language",
    yields=Scores,
    scores=("given",),
    source="Shi et al. 2023, Detecting Pretraining Data (Min-K%); Zhang et al. 2024 (Min-K%++)",
    check="likelihood/membership",
)
def contamination(
    seed: int, of: str = "arithmetic", score: str = "min-k", difficulty: int = 1, questions: int = QUESTIONS
) -> Examples:
    """150 questions of a kind that the embedded models were trained on and 150 that were held out; higher: the latter.

    What is scored is the worked answer, given its question.  score: loss, min-k or min-k++ (the least fifth of tokens).
    of: arithmetic, logic or ciphers.  Of a model that learnt the rule and not the questions it is ½; few questions of
    the easiest kinds exist, so these were met many times.
    """
    for name, value, known in (("score", score, KINDS), ("kind", of, OF)):
        if value not in known:
            raise UsageError(f"there is no {name} '{value}'", cause=f"it is one of {', '.join(known)}", fix="name one")
    seen = items(of, questions, seed, "train", difficulty=difficulty)
    new = items(of, questions, seed, "test", difficulty=difficulty)
    return Examples(
        ids=np.array([f"{part}-{item.id}" for part, own in (("seen", seen), ("new", new)) for item in own]),
        inputs=[(item.prompt, item.solution) for item in (*seen, *new)],
        groups=np.array([item.id for item in (*seen, *new)]),
        ood=np.arange(len(seen) + len(new)) >= len(seen),
        asker=Asked(partial(_ask, score)),
    )


def _ask(kind: str, model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    return Scores(**common, scores=-familiar(kind, model, [tuple(pair) for pair in batch.inputs]))
