"""Texts of the kind that a language model was tuned on, against others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Ragged
from bench.components import task
from bench.examples import Examples
from bench.language import LanguageModel, Scored
from bench.procedural import biographies, items, prose, split_of
from bench.records import Contrasted
from bench.seeds import derive
from bench.tasks.ood.wanted import DETECTION

EACH, TRAIN = 60, 160
NAME = "ood/texts"
SCORES = ("text-nll", "text-perplexity", "lm-ratio", "lm-ratio-mean", "lm-ratio-question", "lm-ratio-answer", "dsir")


@task(
    NAME,
    needs="language",
    yields=Contrasted,
    source="bench, procedural; after Zhang et al. 2024, arXiv:2404.08679",
    metrics=DETECTION,
    scores=SCORES,
    version=2,
)
def ood_texts(seed: int) -> Examples:
    """60 stories of a harbour against 60 texts each of four kinds; 160 other stories of it are for training.

    stories: of a meadow, by the same grammar in other words.  lives: biographies.  logic and arithmetic: questions
    with worked answers.  `tuned:lm-base` is tuned on the harbour's, which its base never saw; it saw all others.
    """
    held, inside = _plain("harbour", seed, EACH + TRAIN), np.arange(EACH)
    parts = [
        replace(held.take(inside), ood=np.zeros(EACH, dtype=bool)),
        *(_plain(k, seed) for k in ("stories", "lives")),
    ]
    parts += [_questions(kind, seed) for kind in ("logic", "arithmetic")]
    train = replace(held.take(np.arange(EACH, EACH + TRAIN)), ood=np.zeros(TRAIN, dtype=bool))
    return Examples.join({"train": train, "test": Examples.join({str(i): part for i, part in enumerate(parts)})})


@dataclass(frozen=True)
class Contrasting:
    """An asker of `Contrasted` records; inputs are (question, answer), the question empty for a plain text."""

    def requests(self, _: Any, batch: Examples) -> list[tuple[str, str]]:
        """Answers given their questions."""
        return list(batch.inputs)

    def __call__(self, model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any], /) -> Contrasted:
        """Score each (question, answer) under the model and, where it has one, under its base."""
        texts: list[tuple[str, str]] = list(batch.inputs)
        rows, questions = _scored(model, texts)
        base = _scored(model.base, texts) if hasattr(model, "base") else None
        return Contrasted(
            **common,
            logprobs=rows,
            question=questions,
            base=None if base is None else base[0],
            base_question=None if base is None else base[1],
            text=np.array([question + answer for question, answer in texts], dtype=object),
            bytes=np.array([len((question + answer).encode()) for question, answer in texts]),
        )


ask = Contrasting()


def _scored(model: LanguageModel, texts: list[tuple[str, str]]) -> tuple[Ragged, np.ndarray]:
    """Log-probabilities of each text's tokens, and how many of them are the question's."""
    asked = [("", question) for question, _ in texts if question]
    answered = model.score([*asked, *texts])
    first, rest = iter(answered[: len(asked)]), answered[len(asked) :]
    none = Scored(np.empty(0), greedy=False)
    opened = [next(first) if question else none for question, _ in texts]
    rows = [np.concatenate([a.logprobs, b.logprobs]) for a, b in zip(opened, rest, strict=True)]
    return Ragged.of(rows, np.float64), np.array([a.tokens for a in opened], dtype=np.int64)


def _questions(kind: str, seed: int) -> Examples:
    drawn = items(kind, EACH, seed)
    ids, groups = [item.id for item in drawn], [item.group for item in drawn]
    return _part(ids, [(item.prompt, item.solution) for item in drawn], groups, kind)


def _plain(kind: str, seed: int, wanted: int = EACH) -> Examples:
    texts: dict[str, None] = {}
    for k in count():
        if len(texts) == wanted:
            break
        rng = Random(derive(seed, NAME, kind, k))
        if kind == "lives":
            texts[biographies.biography(rng)] = None
            continue
        text = prose.story(rng, "harbor" if kind == "harbour" else "meadow")
        if split_of(prose.split_story(text)[0]) == "test":
            texts[text] = None
    ids = [f"{kind}-{k}" for k in range(wanted)]
    return _part(ids, [("", text) for text in texts], ids, kind)


def _part(ids: list[str], texts: list[tuple[str, str]], groups: list[str], dataset: str) -> Examples:
    n = len(ids)
    return Examples(
        ids=np.array(ids),
        inputs=texts,
        groups=np.array(groups),
        ood=np.ones(n, dtype=bool),
        dataset=np.full(n, dataset),
        asker=ask,
    )
