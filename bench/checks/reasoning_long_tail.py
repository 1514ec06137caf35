"""Rules of years evaluated from the words alone, and solvers to whom rarity does and does not matter."""

from __future__ import annotations

import re

import numpy as np

from bench.arrays import Ragged
from bench.checks.cases import exact, ids
from bench.checks.reasoning_stories import own_values
from bench.components import Truth, check
from bench.examples import Examples
from bench.procedural.history import HEAD, INVENTIONS, TAIL
from bench.records import Choices
from bench.tasks.reasoning.long_tail import SOURCE, long_tail

_YEARS = HEAD | TAIL
_NAMES = "|".join(map(re.escape, sorted(_YEARS, key=len, reverse=True)))
_USE = re.compile(rf"({_NAMES}) could have used (.+?) during")
_MEET = re.compile(rf"({_NAMES}) and ({_NAMES}) could have met")


def solve(prompt: str) -> int:
    """1 where the statement is true, by plain comparison of years without any margin."""
    if found := _USE.search(prompt):
        return int(_YEARS[found[1]][1] >= INVENTIONS[found[2]])
    found = _MEET.search(prompt)
    if found is None:
        raise ValueError(prompt)
    (born, died), (other_born, other_died) = _YEARS[found[1]], _YEARS[found[2]]
    return int(min(died, other_died) >= max(born, other_born))


def _record(examples: Examples, said: list[int]) -> Choices:
    logs = [np.log([0.9, 0.1] if answer == 0 else [0.1, 0.9]) for answer in said]
    return Choices(
        ids=ids(len(said)),
        labels=np.asarray(examples.targets),
        loglik=Ragged.of(logs, np.float64),
        groups=examples.groups,
        dataset=examples.dataset,
    )


@check("reasoning/long-tail", area="reasoning", source=SOURCE)
def rarity() -> list[Truth]:
    """Labels from the words; who knows years has no gap; who doubts those it does not know has the planted one."""
    examples = long_tail(0)
    texts = [question.prompt for question in examples.inputs]
    labels = np.asarray(examples.targets)
    answers = [solve(text) for text in texts]
    sound = own_values("reasoning/long-tail", _record(examples, answers))
    doubts = [a if d == "head" else 0 for a, d in zip(answers, np.asarray(examples.dataset).tolist(), strict=True)]
    doubting = own_values("reasoning/long-tail", _record(examples, doubts))
    lives = [np.median([born for born, _ in part.values()]) for part in (HEAD, TAIL)]
    return [
        Truth(0, int((np.array(answers) != labels).sum()), 0, f"{len(texts)} statements judged from their words"),
        exact(0.5, float(labels.mean()), "share of true statements"),
        exact(0.0, sound["gap-head-tail"], "gap of one who knows years"),
        exact(0.5, doubting["gap-head-tail"], "gap of one who doubts the unknown"),
        Truth(0, float(abs(lives[0] - lives[1])), 25, "years between the times of both parts"),
    ]
