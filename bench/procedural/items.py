"""The item: one generated question with its worked solution and its known answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Literal

Split = Literal["train", "test"]

WORKED_CUE = "\nA:"
DIRECT_CUE = "\nAnswer:"


@dataclass(frozen=True)
class Item:
    """One question whose answer is known by construction.

    ``prompt`` ends right where a model continues, ``solution`` is the continuation as the zoo models are
    trained to write it (worked steps, then ``So X.`` and a newline), ``answer`` is the canonical X.
    ``difficulty`` is the generator's dial (1 is easiest).  ``choices``, where not empty, holds ``answer`` and
    its distractors in a random order.  ``group`` names what ties items together: those about one person share
    theirs, and an item drawn on its own is its own group.
    """

    id: str
    kind: str
    prompt: str
    solution: str
    answer: str
    difficulty: int
    choices: tuple[str, ...] = ()
    group: str = ""

    @property
    def direct(self) -> str:
        """The prompt that asks for the answer at once: continue it with ``" " + choice + "."``."""
        if self.prompt.endswith(WORKED_CUE):
            return self.prompt.removesuffix(WORKED_CUE) + DIRECT_CUE
        return self.prompt

    @property
    def continuations(self) -> tuple[str, ...]:
        """What follows ``direct`` for each of ``choices``, in their order."""
        return tuple(f" {choice}{'' if choice.endswith('.') else '.'}" for choice in self.choices)


Draw = Callable[[Random, int], Item]
"""A generator: (random source, difficulty) -> one item, of either split."""


def digest(text: str) -> str:
    """The 16 hex digits that name a text (BLAKE2b, 64 bits), the same on every machine and run."""
    return blake2b(text.encode(), digest_size=8).hexdigest()


def split_of(question: str) -> Split:
    """The one split a question belongs to, whatever the seed: a tenth of all questions is held out for tests.

    It hangs on the content alone, so that no test question can ever be drawn for training.
    """
    return "test" if int(digest(question), 16) % 10 == 0 else "train"


def question_item(
    kind: str,
    question: str,
    steps: str,
    answer: str,
    difficulty: int,
    *,
    choices: tuple[str, ...] = (),
    group: str = "",
) -> Item:
    """The item in the question format shared by all kinds but prose: ``Q: ...``, ``A:``, steps, ``So X.``."""
    prompt = f"Q: {question}{WORKED_CUE}"
    name = f"{kind}-{digest(prompt)}"
    worked = f" {steps}" if steps else ""
    return Item(
        id=name,
        kind=kind,
        prompt=prompt,
        solution=f"{worked} So {answer}.\n",
        answer=answer,
        difficulty=difficulty,
        choices=choices,
        group=group or name,
    )


def check_difficulty(kind: str, difficulty: int, highest: int) -> None:
    """Raise ``ValueError`` unless ``1 <= difficulty <= highest``."""
    if not 1 <= difficulty <= highest:
        raise ValueError(f"{kind} has difficulties 1 to {highest}, not {difficulty}")
