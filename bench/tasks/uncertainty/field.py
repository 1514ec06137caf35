"""Questions on which generation uncertainty is compared, in LM-Polygraph's protocol: from the hub, or from files.

Worked examples stand before each question; one greedy answer is judged, and the samples tell how sure it is.  An answer
is right where, but for case, articles and punctuation, it is one of those that the data set allows (of GSM8K: where its
number is).  LM-Polygraph judges by AlignScore or ROUGE as well, which are graded: here an answer is right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from bench.answers.aliases import among, first_line
from bench.answers.extraction import NUMERIC
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Reading
from bench.field import formats, questions
from bench.field.items import Written, written_examples
from bench.field.reading import Hub, Row, converted, rows
from bench.records import Generations
from bench.tasks.uncertainty.generations import METRICS, SCORES

POLYGRAPH = "Fadeeva et al. 2023, LM-Polygraph, arXiv:2311.07383; Vashurin et al. 2024, arXiv:2406.15627; "
SHOTS = 5
_SHORT = Reading(extract=first_line, stop=("\n",), max_tokens=20, same=among)
_NUMBERS = Reading(extract=NUMERIC, stop=("\n\nQuestion:", "\nQuestion:"), max_tokens=256)


F = TypeVar("F", bound=Callable[..., Examples])


def _generated(name: str, source: str) -> Callable[[F], F]:
    return task(
        name,
        needs="language",
        yields=Generations,
        decoders=("uncertainty",),
        scores=SCORES,
        metrics=METRICS,
        source=POLYGRAPH + source,
    )


@_generated("uncertainty/trivia-qa", "Joshi et al. 2017, TriviaQA, arXiv:1705.03551")
def trivia_qa(seed: int, path: str = "", train: str = "", shots: int = SHOTS, limit: int = 0) -> Examples:
    """Trivia without their documents (validation), after five worked ones; see `nq-open` for the parameters."""
    del seed
    hub = Hub("mandarjoshi/trivia_qa", "validation", "rc.nocontext")
    return _short(_asked(hub, path, train, shots, limit, questions.trivia_qa, "TriviaQA"))


@_generated("uncertainty/nq-open", "Lee et al. 2019, Open Natural Questions, arXiv:1906.00300")
def nq_open(seed: int, path: str = "", train: str = "", shots: int = SHOTS, limit: int = 0) -> Examples:
    """Questions put to a search engine (validation), after five worked ones.

    path: a file of questions, in place of the hub's.  train: a file that the worked ones are the first of; without it
    they are the first of `path`, and are not asked.  shots: how many.  limit: of questions; 0: all.
    """
    del seed
    return _short(
        _asked(
            Hub("google-research-datasets/nq_open", "validation"), path, train, shots, limit, questions.nq_open, "NQ"
        )
    )


@_generated("uncertainty/sciq", "Welbl et al. 2017, SciQ, arXiv:1707.06209")
def sciq(seed: int, path: str = "", train: str = "", shots: int = SHOTS, limit: int = 0) -> Examples:
    """Science questions with a paragraph that supports the answer (test); see `nq-open` for the parameters."""
    del seed
    return _short(_asked(Hub("allenai/sciq", "test"), path, train, shots, limit, questions.sciq, "SciQ"))


@_generated("uncertainty/gsm8k", "Cobbe et al. 2021, GSM8K, arXiv:2110.14168")
def gsm8k(seed: int, path: str = "", limit: int = 0) -> Examples:
    """Grade-school word problems (test), asked as `reasoning/gsm8k` asks them, without worked ones."""
    del seed
    items = converted(rows(Hub("openai/gsm8k", "test", "main"), path), formats.gsm8k, "GSM8K")
    return written_examples(items[: limit or None], _NUMBERS)


@_generated("uncertainty/coqa", "Reddy et al. 2019, CoQA, arXiv:1808.07042")
def coqa(seed: int, path: str = "", limit: int = 0) -> Examples:
    """Conversations about a story (validation), a question a turn, after the turns before it with their true answers.

    Questions about one story are one cluster.  limit: of questions.
    """
    del seed
    turns = converted(rows(Hub("stanfordnlp/coqa", "validation"), path), questions.coqa, "CoQA")
    items = [item for story in turns for item in story][: limit or None]
    examples = _short(items)
    return replace(examples, groups=examples.dataset, dataset=None)


def _asked(
    hub: Hub, path: str, train: str, shots: int, limit: int, convert: Callable[[Row, int], Written], name: str
) -> list[Written]:
    """The questions, each after the same worked ones."""
    if shots < 0 or limit < 0:
        raise UsageError(
            f"{name}: shots and limit can't be negative", cause="they count questions", fix="give 0 or more"
        )
    items = converted(rows(hub, path), convert, name)
    worked: list[Written] = []
    if shots and path and not train:
        worked, items = items[:shots], items[shots:]
    elif shots:
        worked = converted(rows(replace(hub, split="train"), train)[:shots], convert, name)
    if not items:
        raise UsageError(
            f"{name}: no question is left",
            cause=f"the first {shots} are worked examples",
            fix="give shots=0, or train=",
        )
    before = questions.shown(worked)
    return [replace(item, prompt=before + item.prompt) for item in items[: limit or None]]


def _short(items: list[Written]) -> Examples:
    examples = written_examples(items, _SHORT)
    return replace(examples, targets=np.array([item.target for item in items], dtype=object))
