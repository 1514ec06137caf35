"""One question of a data set, and the samples of a task made of many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.arrays import Strings
from bench.examples import Examples, Question, Reading
from bench.procedural.items import digest

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Written:
    """A question that is answered in writing.  part: of the data set (a subject, a level); empty where it has none."""

    prompt: str
    target: str
    part: str = ""
    id: str = ""


@dataclass(frozen=True)
class Chosen:
    """A question of several choices, one of which is right."""

    prompt: str
    choices: tuple[str, ...]
    label: int
    part: str = ""
    id: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.label < len(self.choices) or len(self.choices) < 2:
            raise ValueError(f"choice {self.label} of {len(self.choices)} is no answer")


def lettered(question: str, choices: Sequence[str], label: int, part: str = "", id_: str = "") -> Chosen:
    """Choices listed under letters, of which one is to be named."""
    if len(choices) > len(LETTERS):
        raise ValueError(f"{len(choices)} choices are more than there are letters")
    listed = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False))
    names = tuple(f" {letter}" for letter in LETTERS[: len(choices)])
    return Chosen(f"Question: {question}{listed}\nAnswer:", names, label, part, id_)


def choice_examples(items: Sequence[Chosen]) -> Examples:
    """The samples of a multiple-choice task."""
    return Examples(
        ids=numbered([item.id or digest(item.prompt) for item in items]),
        inputs=[Question(item.prompt, item.choices) for item in items],
        targets=np.array([item.label for item in items]),
        dataset=_parts([item.part for item in items]),
    )


def written_examples(items: Sequence[Written], reading: Reading) -> Examples:
    """The samples of a task that is answered in writing."""
    return Examples(
        ids=numbered([item.id or digest(item.prompt) for item in items]),
        inputs=[item.prompt for item in items],
        targets=np.array([item.target for item in items], dtype=object),
        dataset=_parts([item.part for item in items]),
        reading=reading,
    )


def numbered(names: Iterable[str]) -> Strings:
    """The names, (n,), later ones of equals numbered: data sets do repeat questions."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return np.array(out)


def _parts(names: list[str]) -> Strings | None:
    return np.array(names) if any(names) else None
