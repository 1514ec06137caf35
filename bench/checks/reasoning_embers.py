"""Deterministic tasks: exact inverses, a solver without gaps, and one that prefers likely outputs."""

from __future__ import annotations

import re
from random import Random

import numpy as np

from bench.checks.cases import exact
from bench.checks.reasoning_stories import answered, own_values
from bench.components import Truth, check
from bench.examples import Examples
from bench.models.ngram import NGram
from bench.procedural.embers import RULES, scrambled, sentence
from bench.tasks.reasoning.embers import SOURCE, embers


def solve(prompt: str) -> str:
    """The answer by the rule, from the words of the question alone."""
    question = prompt.removeprefix("Q: ").partition(" End with")[0]
    for rule, _ in RULES:
        if question.startswith(rule.ask):
            return rule.apply(question.removeprefix(rule.ask).strip())
    if found := re.fullmatch(r"Multiply (\d+) by (\d+)/5 and add (\d+)\.", question):
        return str(int(found[1]) * int(found[2]) // 5 + int(found[3]))
    return str(len(question.rpartition(" ")[2]))


def _order(text: str) -> str:
    """The words in the order of the slots that a sentence has: what a reader who expects sentences would write."""
    from bench.procedural.embers import WORDS

    words = text.split()
    if len(words) != 7:
        return text
    slots = {word: slot for slot, some in WORDS.items() for word in some}
    by_slot = {slots[word]: word for word in words if word in slots}
    return "the {subject} {verb} the {adjective} {object} {time}".format(**by_slot)


@check("reasoning/embers", area="reasoning", source=SOURCE)
def deterministic() -> list[Truth]:
    """Inverses; the exact solver has no gap, and one that mends every output into a sentence has the planted one."""
    rng = Random("embers")
    texts = [sentence(rng) for _ in range(200)]
    odd = [scrambled(rng, text) for text in texts]
    broken = sum(rule.apply(invert(text)) != text for rule, invert in RULES for text in (*texts, *odd))
    examples = embers(0, each=10)
    sound = own_values("reasoning/embers", answered(examples, solve))
    mended = own_values("reasoning/embers", answered(examples, lambda text: _order(solve(text))))
    source = NGram(3)
    source.fit(Examples(ids=np.arange(2000).astype(str), inputs=[sentence(rng) for _ in range(2000)]), 0)
    likely, unlikely = ([s.total for s in source.score([("", text) for text in some])] for some in (texts, odd))
    # All unlikely outputs of common rules are words in another order.
    return [
        Truth(0, broken, 0, "outputs that do not come back"),
        *(
            exact(1.0, sound[f"accuracy-{part}"], part)
            for part in ("common-likely", "common-unlikely", "rare-unlikely")
        ),
        exact(0.0, sound["gap-common-likely-common-unlikely"], "no gap of an exact solver"),
        exact(1.0, mended["gap-common-likely-common-unlikely"], "gap of one that mends words"),
        Truth(
            200, sum(a > b for a, b in zip(likely, unlikely, strict=True)), 0, "sentences likelier than their scraps"
        ),
    ]
