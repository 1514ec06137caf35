"""Worked questions with known answers, made anew for each seed: sums, and chains of comparisons."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.components import task
from bench.examples import Examples, Reading
from bench.metrics.parts import parts
from bench.procedural import Item, extract_answer, items
from bench.procedural.items import question_item, split_of
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
def arithmetic(seed: int, questions: int = QUESTIONS) -> Examples:
    """100 sums in equal parts of one, two, three and four operations, none of them in the embedded models' training."""
    return _worked("arithmetic", seed, questions)


@task(
    "reasoning/logic",
    needs="language",
    yields=Generations,
    decoders=_DECODERS,
    source="bench, procedural: transitive inference over two to five premises; yes, no or unknown",
)
def logic(seed: int, questions: int = QUESTIONS) -> Examples:
    """100 questions of who outranks whom, in equal parts of one to four steps, held out from training."""
    return _worked("logic", seed, questions)


ROBUST = 40
_PARTS = ("seen", "new", "written", "reordered")


@task(
    "reasoning/arithmetic-robust",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    own=parts(*_PARTS, gaps=[("seen", "new"), ("written", "reordered")]),
    source="bench, procedural; after GSM-Symbolic (Mirzadeh et al. 2024) and GSM1k (Zhang et al. 2024)",
)
def arithmetic_robust(seed: int, questions: int = ROBUST) -> Examples:
    """Sums of one operation that training had seen, and that it had not; sums of two, and the same in another order.

    `gap-seen-new` is contamination: of the sums of one operation, most of the training split was seen many times, and
    of the test split none ever.  `gap-written-reordered`: 7 + 25 - 4 and 7 - 4 + 25 are one question, and one group;
    neither was seen.
    """
    rows = [("seen", item, item.id) for item in items("arithmetic", questions, seed, "train", difficulty=1)]
    rows += [("new", item, item.id) for item in items("arithmetic", questions, seed, "test", difficulty=1)]
    drawn = items("arithmetic", 25 * questions, seed, "test", difficulty=2)  # few of them have a held-out twin
    pairs = [(item, other) for item in drawn if (other := _reordered(item)) is not None][:questions]
    for item, other in pairs:
        rows += [("written", item, item.id), ("reordered", other, item.id)]
    return Examples(
        ids=np.array([f"{part}-{item.id}" for part, item, _ in rows]),
        inputs=[item.prompt for _, item, _ in rows],
        targets=np.array([item.answer for _, item, _ in rows]),
        groups=np.array([group for *_, group in rows]),
        dataset=np.array([part for part, *_ in rows]),
        reading=Reading(extract=partial(extract_answer, "arithmetic"), max_tokens=_MAX_TOKENS),
    )


def _reordered(item: Item) -> Item | None:
    """The sum with its two later terms in the other order; `None` where that is no other sum, or leaves 0 to 99."""
    first, *terms = item.prompt.removeprefix("Q: ").partition(" = ?")[0].split(" ")
    if "*" in terms or terms[:2] == terms[2:]:
        return None
    total = int(first)
    between = total + int(terms[3]) if terms[2] == "+" else total - int(terms[3])
    if not 0 <= between <= 99:
        return None
    question = " ".join([first, *terms[2:], *terms[:2]])
    steps = f"{first} {' '.join(terms[2:])} = {between}. {between} {' '.join(terms[:2])} = {item.answer}."
    other = question_item("arithmetic", f"{question} = ?", steps, item.answer, item.difficulty)
    return other if split_of(other.prompt) == "test" else None


def _worked(kind: str, seed: int, questions: int) -> Examples:
    """Prompts and answers.  Items are drawn independently within each difficulty, so they form no clusters."""
    drawn = items(kind, questions, seed)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        reading=Reading(extract=partial(extract_answer, kind), max_tokens=_MAX_TOKENS, grammar=_GRAMMARS.get(kind, "")),
    )
