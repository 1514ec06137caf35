"""Arithmetic stories read back from their words alone, and solvers whose faults are planted."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from bench.arrays import Ragged
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.examples import Examples
from bench.procedural.word_problems import EVENTS, STARTS, VARIANTS
from bench.records import Generations, Record
from bench.stats.intervals import value
from bench.tasks.reasoning.word_problems import word_problems

_SLOTS = {"name": r"[A-Z]\w+", "friend": r"[A-Z]\w+", "things": r"\w+", "n": r"(\d+)", "k": r"(\d+)"}


def _pattern(wording: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", lambda m: _SLOTS[m[1]], re.escape(wording)))


_STARTS = [_pattern(wording) for wording in STARTS]
_EVENTS = [(kind, _pattern(wording)) for kind, wordings in EVENTS.items() for wording in wordings]


def solve(prompt: str) -> int:
    """The answer from the words alone: sentences that match no event are passed over."""
    sentences = re.split(r"(?<=[.?]) ", prompt.removeprefix("Q: "))
    total = int(next(m[1] for p in _STARTS if (m := p.fullmatch(sentences[0]))))
    for sentence in sentences[1:]:
        for kind, pattern in _EVENTS:
            if m := pattern.fullmatch(sentence):
                k = int(m[1])
                total = {"gain": total + k, "lose": total - k, "times": total * k, "share": total // k}[kind]
    return total


def misled(prompt: str) -> int:
    """The same, plus every number that stands in a sentence without an event."""
    sentences = re.split(r"(?<=[.?]) ", prompt.removeprefix("Q: ").partition(" Work it out")[0])
    odd = [s for s in sentences[1:] if not any(pattern.fullmatch(s) for _, pattern in _EVENTS)]
    return solve(prompt) + sum(int(number) for s in odd for number in re.findall(r"\d+", s))


def answered(examples: Examples, solver: Callable[[str], str]) -> Generations:
    """The record of a solver that is sure of each answer."""
    assert examples.targets is not None  # noqa: S101 - the tasks here all have targets
    said = [solver(str(text)) for text in examples.inputs]
    targets = [str(target) for target in examples.targets]
    correct = np.array([a == t for a, t in zip(said, targets, strict=True)])
    rows = len(said)
    return Generations(
        ids=examples.ids,
        groups=examples.groups,
        dataset=examples.dataset,
        answer=np.array(said, dtype=object),
        correct=correct,
        confidence=np.ones(rows),
        text=Ragged.of([[text] for text in said], object),
        logprob=Ragged.of([[0.0]] * rows, np.float64),
        tokens=Ragged.of([[1]] * rows, np.int64),
        answers=Ragged.of([[text] for text in said], object),
        corrects=Ragged.of([[bool(c)] for c in correct], np.bool_),
        target=np.array(targets, dtype=object),
    )


def own_values(task: str, record: Record) -> dict[str, float]:
    """What a task's own metrics say of a record."""
    from bench.components import Task
    from bench.registry import find

    found = find(Task, task).own
    metrics = found(record) if found is not None else ()
    return {metric.name: number for metric in metrics if (number := value(metric, record)) is not None}


@check("reasoning/word-problems", area="reasoning", source="a reader of the words alone; faults that are planted")
def stories() -> list[Truth]:
    """300 stories solved from their words: all right, no gap; one misled by useless numbers loses those alone."""
    examples = word_problems(0, plots=60, most=6)
    sound = own_values("reasoning/word-problems", answered(examples, lambda text: str(solve(text))))
    fooled = own_values("reasoning/word-problems", answered(examples, lambda text: str(misled(text))))
    return [
        *(exact(1.0, sound[f"accuracy-{name}"], f"read back: {name}") for name in VARIANTS),
        *(exact(0.0, sound[f"gap-plain-{name}"], f"no gap: {name}") for name in VARIANTS[1:]),
        exact(1.0, fooled["gap-plain-distractor"], "misled by every distractor"),
        exact(0.0, fooled["gap-plain-names"], "misled by nothing else"),
    ]
