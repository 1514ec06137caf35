"""Tasks that an algorithm does equally well whatever the text, crossed with how probable the text is."""

from __future__ import annotations

from functools import partial
from random import Random

import numpy as np

from bench.answers.extraction import Extractor
from bench.components import task
from bench.examples import Examples, Reading
from bench.metrics.parts import parts
from bench.procedural import extract_answer
from bench.procedural.ciphers import rotate, spell
from bench.procedural.embers import RULES, Ember, counted, draw, linear, nonsense
from bench.procedural.items import digest, question_item
from bench.records import Generations

PAPERS = (
    "Embers of Autoregression: Understanding Large Language Models Through the Problem They are Trained to Solve",
)
SOURCE = "McCoy et al. 2023, Embers of Autoregression, arXiv:2309.13638"
EACH = 6
WORDS = 24  # made-up words, each asked of in four ways
_PARTS = ("common-likely", "common-unlikely", "rare-likely", "rare-unlikely")
_CIPHERS = ("reverse-usual", "reverse-unusual", "shift-trained", "shift-untrained")
# What follows the cue: words and numbers, without the full stop.
_ANSWER = Extractor(
    r"(?:\bSo|\b[Tt]he answer is:?|####)[ \t]*([^\n]{1,300})", r"[a-z0-9]+(?:[ -][a-z0-9]+){0,20}", "lower"
)


@task(
    "reasoning/embers",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    own=parts(*_PARTS, gaps=[("common-likely", "common-unlikely"), ("common-likely", "rare-likely")]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/embers",
)
def embers(seed: int, each: int = EACH) -> Examples:
    """Ciphers, reversals, pig latin, counting and linear functions, with answers of high and of low probability.

    A part crosses the rule (common, as rot-13, or rare, as rot-2) with the output (likely: a sentence; unlikely: its
    words in another order).  For whoever follows the rule all parts are alike; `gap-common-likely-common-unlikely` is
    what the output's probability is worth.  The embedded models know none of these rules: see
    `reasoning/embers-ciphers`.
    """
    rng = Random(f"embers/{seed}")
    drawn: list[Ember] = []
    for _ in range(each):
        drawn += [draw(rng, rule, likely) for rule in range(len(RULES)) for likely in (True, False)]
        drawn += [made(rng, common) for made in (linear, counted) for common in (True, False)]
    return Examples(
        ids=np.array([f"{ember.rule}-{digest(f'{turn} {ember.question}')}" for turn, ember in enumerate(drawn)]),
        inputs=[f"Q: {ember.question} End with 'So' and the answer.\nA:" for ember in drawn],
        targets=np.array([ember.answer for ember in drawn]),
        dataset=np.array([_part(ember) for ember in drawn]),
        reading=Reading(extract=_ANSWER, stop=("\n\n", "\nQ:"), max_tokens=160),
    )


def _part(ember: Ember) -> str:
    return f"{'common' if ember.common else 'rare'}-{'likely' if ember.likely else 'unlikely'}"


@task(
    "reasoning/embers-ciphers",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    own=parts(*_CIPHERS, gaps=[("reverse-usual", "reverse-unusual"), ("shift-trained", "shift-untrained")]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/embers",
)
def embers_ciphers(seed: int, words: int = WORDS, length: int = 3) -> Examples:
    """The embedded models' own ciphers on words and shifts as in their training text, and on others.

    reverse-usual: a word whose letters alternate between consonants and vowels, as all of theirs did;
    reverse-unusual: one of consonants alone.  shift-trained: by 1 to 3 places; shift-untrained: by 4 to 6.
    """
    rng = Random(f"embers-ciphers/{seed}")
    rows: dict[str, tuple[str, str, str]] = {}
    for _ in range(words):
        usual, unusual = nonsense(rng, length, vowelled=True), nonsense(rng, length, vowelled=False)
        shift = rng.randint(1, 3)
        questions = (
            (f"reverse {spell(usual)}", usual[::-1]),
            (f"reverse {spell(unusual)}", unusual[::-1]),
            (f"shift {shift} {spell(usual)}", rotate(usual, shift)),
            (f"shift {shift + 3} {spell(usual)}", rotate(usual, shift + 3)),
        )
        for part, (question, answer) in zip(_CIPHERS, questions, strict=True):
            item = question_item("ciphers", question, "", spell(answer), 1)
            rows[item.id] = (item.prompt, item.answer, part)
    return Examples(
        ids=np.array(list(rows)),
        inputs=[prompt for prompt, _, _ in rows.values()],
        targets=np.array([answer for _, answer, _ in rows.values()]),
        dataset=np.array([part for _, _, part in rows.values()]),
        reading=Reading(extract=partial(extract_answer, "ciphers"), max_tokens=72),
    )
