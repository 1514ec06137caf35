"""The training stream: documents of all kinds, mixed by weight, and packed into rows of tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from bench.procedural import DIFFICULTIES, Item, biographies, prose, split_of, stream

if TYPE_CHECKING:
    from tokenizers import Tokenizer

IGNORED = -100
"""The label of a token that the loss leaves out, as transformers has it."""

STORIES = "stories"
LIVES = "lives"


@dataclass(frozen=True)
class Mix:
    """How often each kind of document is drawn (relative weights), and two shares in [0, 1].

    ``direct`` of the questions ask for the answer at once.  In ``prompts`` of the documents the loss is taken
    on the prompt too: what a random question asks cannot be foretold, so that learning it in every document
    would drown what the answers teach.
    """

    weights: tuple[tuple[str, float], ...]
    direct: float
    prompts: float


EVERYTHING = Mix(
    (
        ("arithmetic", 0.40),
        ("logic", 0.27),
        ("biographies", 0.08),
        (LIVES, 0.10),
        ("ciphers", 0.08),
        (STORIES, 0.07),
    ),
    direct=0.15,
    prompts=0.2,
)
# Without a share of the other kinds, fine-tuning wipes them out: a story then costs sixteen times as much.
QUESTIONS = Mix(
    (
        ("arithmetic", 0.30),
        ("logic", 0.52),
        ("biographies", 0.04),
        (LIVES, 0.05),
        ("ciphers", 0.04),
        (STORIES, 0.05),
    ),
    direct=0.1,
    prompts=0.0,
)


@dataclass(frozen=True)
class Document:
    """A text in two parts; for plain text the prompt is empty."""

    prompt: str
    continuation: str

    @property
    def text(self) -> str:
        """Both parts."""
        return self.prompt + self.continuation


def documents(mix: Mix, seed: int) -> Iterator[Document]:
    """Training documents without end; no question of the test split is among them."""
    rng = Random(f"corpus/{seed}")
    streams = {
        (kind, level): stream(kind, seed, "train", level)
        for kind, highest in DIFFICULTIES.items()
        for level in range(1, highest + 1)
    }
    names, weights = zip(*mix.weights, strict=True)
    while True:
        name = rng.choices(names, weights)[0]
        if name == LIVES:
            yield Document("", biographies.biography(rng))
        elif name == STORIES:
            yield _story(rng)
        else:
            level = _biography_level(rng) if name == biographies.KIND else rng.randint(1, DIFFICULTIES[name])
            yield _question(next(streams[name, level]), direct=rng.random() < mix.direct)


def rows(tokenizer: Tokenizer, mix: Mix, seed: int, length: int) -> Iterator[np.ndarray]:
    """Packed rows [3, length] of int64 without end: tokens, labels, and the number of each token's document.

    Labels are ``IGNORED`` where nothing is learnt.  Each document stands between ``<s>`` and ``</s>``; a row
    starts where the last one stopped, so that no token is padding.
    """
    vocabulary = tokenizer.get_vocab()
    start, end = vocabulary["<s>"], vocabulary["</s>"]
    rng = Random(f"rows/{seed}")
    columns: list[tuple[int, int, int]] = []
    for number, document in enumerate(documents(mix, seed)):
        # Prompt and continuation are encoded apart, as a user of the model will do it.
        prompt = [start, *tokenizer.encode(document.prompt, add_special_tokens=False).ids]
        rest = [*tokenizer.encode(document.continuation, add_special_tokens=False).ids, end]
        asked = rng.random() < mix.prompts
        columns += ((token, token if asked else IGNORED, number) for token in prompt)
        columns += ((token, token, number) for token in rest)
        while len(columns) >= length:
            yield np.array(columns[:length], dtype=np.int64).T
            del columns[:length]


def _question(item: Item, *, direct: bool) -> Document:
    if direct:
        return Document(item.direct, f" {item.answer}.\n")
    return Document(item.prompt, item.solution)


def _story(rng: Random) -> Document:
    while True:
        text = prose.story(rng)
        if split_of(prose.split_story(text)[0]) == "train":
            return Document("", f"{text}\n")


def _biography_level(rng: Random) -> int:
    """Levels in proportion to how often their people are spoken of."""
    people = biographies.registry()
    return rng.choices(people, weights=[person.weight for person in people])[0].difficulty
