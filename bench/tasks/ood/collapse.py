"""Models that learn from their own texts: what is lost from one fit to the next."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import numpy as np

from bench.capabilities import Fittable
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.language import Draw
from bench.metrics.collapses import CHECK, SOURCE
from bench.procedural import prose
from bench.records import Collapses
from bench.seeds import derive
from bench.stats.collapse import PAPER, detector, diversity, repetition
from bench.stats.ngrams import resampled
from bench.tasks.asking import Asked

NAME = "ood/collapse"
HELD = 40
KEEPING = ("all", "weighted")


@dataclass(frozen=True)
class Chain:
    """How a chain goes: fits after the first, texts at each, which of them are kept, and how the model draws."""

    generations: int
    texts: int
    keep: str
    temperature: float


@task(
    NAME,
    needs="language",
    yields=Collapses,
    source=f"{SOURCE}; stories by bench, procedural",
    papers=(PAPER,),
    check=CHECK,
)
def ood_collapse(
    seed: int, chains: int = 10, generations: int = 4, texts: int = 40, keep: str = "all", temperature: float = 1.0
) -> Examples:
    """Ten chains of a model fitted to 40 stories, then four times to 40 that it wrote itself, each time afresh.

    keep: all, or weighted: of twice as many, those are kept that a detector takes for people's, drawn by its odds.
    temperature: how the model writes.  Texts begin with the first word of one of people's.  Only a model that learns
    can be asked: `ngram`, `tuned:lm-small`.
    """
    if keep not in KEEPING:
        raise UsageError(f"texts can't be kept by '{keep}'", cause="it is all or weighted", fix=f"{NAME},keep=all")
    if chains < 1 or generations < 1 or texts < 2 or temperature < 0:
        raise UsageError(
            f"{NAME} can't do chains={chains},generations={generations},texts={texts},temperature={temperature}",
            cause="there is nothing to learn from",
            fix=f"{NAME},chains=10,generations=4,texts=40",
        )
    how = Chain(generations, texts, keep, temperature)
    held = stories(HELD, seed, "held")
    asker = Asked(partial(ask, how=how, held=held))
    rows = {"train": ["learnt"], "test": [f"chain-{k:02d}" for k in range(chains)]}
    return Examples.join(
        {
            split: Examples(
                ids=np.array(names),
                inputs=["\n".join(stories(texts, seed, name)) for name in names],
                asker=asker,
            )
            for split, names in rows.items()
        }
    )


def stories(count: int, seed: int, name: str) -> list[str]:
    """Stories of the meadow, drawn by the seed and a name."""
    return [prose.story(Random(derive(seed, NAME, name, k))) for k in range(count)]


def ask(
    model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], *, how: Chain, held: Sequence[str]
) -> Collapses:
    """A chain for each row's stories."""
    if not isinstance(model, Fittable):
        raise UsageError("the model can't be refitted", cause="it learns nothing", fix="ask one that does: -m ngram")
    rows = [
        chain(copy.deepcopy(model), str(texts).split("\n"), how, held, derive(seed, NAME, str(id_)))
        for id_, texts in zip(batch.ids, batch.inputs, strict=True)
    ]
    differ, distinct, zipf, nll = (np.array([row[k] for row in rows]) for k in range(4))
    return Collapses(**common, differ=differ, distinct=distinct, zipf=zipf, nll=nll)


def chain(model: Any, people: list[str], how: Chain, held: Sequence[str], seed: int) -> list[list[float]]:
    """Chance that two words differ, share of distinct pairs, Zipf's slope and nats a token, at each fit."""
    texts, told = people, []
    for generation in range(how.generations + 1):
        ids = np.arange(len(texts)).astype(np.str_)
        model.fit(Examples(ids=ids, inputs=texts), derive(seed, "fit", generation))
        scored = model.score([("", text) for text in held])
        nll = -sum(one.total for one in scored) / sum(one.tokens for one in scored)
        varied = diversity(texts)
        told.append([1 - repetition(texts), varied.distinct_2, varied.zipf, nll])
        if generation < how.generations:
            texts = written(model, people, how, derive(seed, "texts", generation))
    return [list(column) for column in zip(*told, strict=True)]


def written(model: Any, people: Sequence[str], how: Chain, seed: int) -> list[str]:
    """Texts by the model that begin as people's do, of which those are kept that are to be learnt from."""
    count = how.texts * (2 if how.keep == "weighted" else 1)
    openings = [people[k % len(people)].split()[0] for k in range(count)]
    longest = 4 * max(len(text.split()) for text in people)
    draws = [Draw(word, derive(seed, k), how.temperature, max_tokens=longest) for k, word in enumerate(openings)]
    texts = [word + one.text for word, one in zip(openings, model.generate(draws), strict=True)]
    if how.keep == "all":
        return texts
    learnt = detector([*people, *texts], np.arange(len(people) + count) >= len(people))
    kept = resampled(np.log(np.maximum(learnt.weights(texts), 1e-300)), how.texts, seed)
    return [texts[k] for k in np.sort(kept)]
