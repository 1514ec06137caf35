"""Worked questions with known answers, made anew for each seed: sums, and chains of comparisons."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.components import task
from bench.examples import Examples, Reading
from bench.procedural import extract_answer, items
from bench.records import Generations

QUESTIONS = 100
# Half as much again as the longest worked solution, in tokens of the embedded models.
_MAX_TOKENS = 72
_DECODERS = ("greedy", "self-consistency")
# What a worked answer looks like, for decoders that hold texts to it.
_GRAMMARS = {
    "arithmetic": r"( [0-9]{1,4} [-+*] [0-9]{1,4} = [0-9]{1,4}\.){1,6} So [0-9]{1,4}\.",
    "logic": r"(( [A-Z][a-z]*){1,8}\.){1,2} So (yes|no|unknown)\.",
}


@task(
    "reasoning/arithmetic",
    needs="language",
    yields=Generations,
    decoders=_DECODERS,
    source="bench, procedural: sums of one to four operations with worked steps",
)
def arithmetic(seed: int) -> Examples:
    """100 sums in equal parts of one, two, three and four operations, none of them in the embedded models' training."""
    return _worked("arithmetic", seed)


@task(
    "reasoning/logic",
    needs="language",
    yields=Generations,
    decoders=_DECODERS,
    source="bench, procedural: transitive inference over two to five premises; yes, no or unknown",
)
def logic(seed: int) -> Examples:
    """100 questions of who outranks whom, in equal parts of one to four steps, held out from training."""
    return _worked("logic", seed)


def _worked(kind: str, seed: int) -> Examples:
    """Prompts and answers.  Items are drawn independently within each difficulty, so they form no clusters."""
    drawn = items(kind, QUESTIONS, seed)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        reading=Reading(extract=partial(extract_answer, kind), max_tokens=_MAX_TOKENS, grammar=_GRAMMARS.get(kind, "")),
    )
