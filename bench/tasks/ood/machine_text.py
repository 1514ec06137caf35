"""Texts by people and by the model that is asked: whether they can be told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.field.reading import Row, converted, files, rows_of
from bench.language import Draw
from bench.procedural import prose, split_of
from bench.records import Authored
from bench.seeds import derive, generator
from bench.stats.collapse import PAPER
from bench.tasks.ood.wanted import DETECTION

NAME = "ood/machine-text"
SCORES = ("machine-likelihood", "machine-ratio", "machine-detector")
SIZES = {"train": 100, "test": 100}
# Log-probability of what a source cannot say, nats: JSON has no infinity, and any number as low ranks alike.
NEVER = -1e4
OPENING = 0.2


@dataclass(frozen=True)
class Begun:
    """How a text begins, how a person went on, and the log-probability of that in nats, where it is known."""

    opening: str
    rest: str


@task(
    NAME,
    needs="language",
    yields=Authored,
    source="Drayson, Yilmaz and Lampos 2025, arXiv:2502.15654; stories by bench, procedural",
    metrics=DETECTION,
    scores=SCORES,
    papers=(PAPER,),
    check="ood/machine-text",
)
def ood_machine_text(seed: int, path: str = "", temperature: float = 1.0, top_p: float = 1.0) -> Examples:
    """100 stories by a known source against the model's own, which go on from the same openings; 100 more train.

    `truth` is the log-probability under the source, so that `machine-ratio` is the best that a detector can do against
    plain draws.  path: rows of your own with `text`, of which the model is given the first fifth; half of them are for
    training.  temperature, top_p: how the model writes (0: greedy).
    """
    if not (temperature >= 0 and 0 < top_p <= 1):
        raise UsageError(
            f"{NAME} can't draw so", cause="temperature is at least 0, top_p in (0, 1]", fix="leave it out"
        )
    asker = Authoring(temperature, top_p, known=not path)
    if path:
        given = converted(rows_of(files(path)), _given, "texts")
        if len(given) < 8:
            raise UsageError(f"{len(given)} texts are too few", cause="half teach the detector", fix="give more")
        order = generator(seed, NAME, "halves").permutation(len(given))
        cut = len(given) // 2
        parts = {"train": [given[k] for k in order[:cut]], "test": [given[k] for k in order[cut:]]}
    else:
        told = _stories(seed, sum(SIZES.values()))
        parts = {"train": told[: SIZES["train"]], "test": told[SIZES["train"] :]}
    return Examples.join({split: _both(split, part, asker) for split, part in parts.items()})


def _both(split: str, texts: Sequence[Begun], asker: Authoring) -> Examples:
    """Each text as the person went on, then as the model will."""
    n = len(texts)
    names = np.array([f"{split}-{k:04d}" for k in range(n)])
    machine = np.repeat([False, True], n)
    return Examples(
        ids=np.concatenate([np.char.add(names, "-person"), np.char.add(names, "-machine")]),
        inputs=[(one.opening, one.rest) for one in texts] + [(one.opening, "") for one in texts],
        groups=np.concatenate([names, names]),
        # Detectors learn from both kinds of training rows, and scores are fitted on rows in distribution.
        ood=machine if split == "test" else np.zeros(2 * n, dtype=bool),
        targets=machine.astype(np.int64),
        asker=asker,
    )


def _stories(seed: int, wanted: int) -> list[Begun]:
    """Stories with different openings, none of which the embedded models were trained on."""
    found: dict[str, Begun] = {}
    for k in count():
        if len(found) == wanted:
            break
        text = prose.story(Random(derive(seed, NAME, k)))
        # The training text of the embedded models has no story that begins as these do.
        if split_of(prose.split_story(text)[0]) == "test":
            first, _, rest = text.partition(". ")
            found[first] = Begun(f"{first}.", f" {rest}")
    return list(found.values())


def _given(row: Row, _: int) -> Begun:
    words = str(row["text"]).split()
    cut = max(1, round(OPENING * len(words)))
    if len(words) - cut < 3:
        raise ValueError("'text' is too short to be cut in two")
    return Begun(" ".join(words[:cut]), " " + " ".join(words[cut:]))


@dataclass(frozen=True)
class Authoring:
    """An asker of `Authored` records; inputs are (opening, rest), the rest empty where the model is to go on."""

    temperature: float
    top_p: float
    known: bool

    def requests(self, _: Any, __: Examples) -> list[tuple[str, str]]:
        """None: half of the texts are not there yet."""
        return []

    def __call__(self, model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any], /) -> Authored:
        """Have the model write what it is to write, and score every text under it."""
        machine = np.asarray(batch.targets) == 1
        longest = 256 if not self.known else 160
        draws = [
            Draw(opening, derive(seed, NAME, str(id_)), self.temperature, self.top_p, ("\n",), longest)
            for id_, (opening, _), made in zip(batch.ids, batch.inputs, machine, strict=True)
            if made
        ]
        made = iter(model.generate(draws) if draws else [])
        rests = [next(made).text if wrote else rest for (_, rest), wrote in zip(batch.inputs, machine, strict=True)]
        # A text without a word has no token to be judged by; the end of the line alone is one.
        pairs = [(opening, rest or "\n") for (opening, _), rest in zip(batch.inputs, rests, strict=True)]
        scored = model.score(pairs)
        return Authored(
            **common,
            logprobs=Ragged.of([one.logprobs for one in scored], np.float64),
            bytes=np.array([len(rest.encode()) for _, rest in pairs]),
            words=np.array([len(rest.split()) for _, rest in pairs]),
            truth=_truth(pairs) if self.known else None,
            text=np.array([rest for _, rest in pairs], dtype=object),
            machine=machine,
        )


def _truth(pairs: Sequence[tuple[str, str]]) -> Float64s:
    """Log-probability of each rest after its opening under the stories' source, nats, at least `NEVER`."""
    whole = np.array([prose.log_prob(opening + rest) - prose.log_prob(opening) for opening, rest in pairs])
    return np.maximum(whole, NEVER)
