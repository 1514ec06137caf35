"""Arithmetic stories in pairs: what changes when only names, words, numbers or a useless fact do."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.answers.extraction import NUMERIC
from bench.components import task
from bench.examples import Examples, Reading
from bench.metrics.parts import parts
from bench.procedural.items import digest
from bench.procedural.word_problems import VARIANTS, Story, variants
from bench.records import Generations

PLOTS = 20
_ASK = " Work it out step by step and end with 'So' and the number, like 'So 7.'"


@task(
    "reasoning/word-problems",
    needs="language",
    yields=Generations,
    decoders=("greedy",),
    own=parts(*VARIANTS, gaps=[("plain", name) for name in VARIANTS if name != "plain"]),
    source="bench, procedural; Mirzadeh et al. 2024, GSM-Symbolic, arXiv:2410.05229 (symbolic templates, NoOp)",
    check="reasoning/word-problems",
)
def word_problems(seed: int, plots: int = PLOTS, least: int = 1, most: int = 4) -> Examples:
    """Stories of `least` to `most` events, each plot told in five variants, which form one group.

    plain; names: another person and other things; wording: each sentence in other words; numbers: the same events with
    other numbers; distractor: a number that does not matter.  `gap-plain-X` is what the variant X costs.  The embedded
    models have seen no story, and answer none.
    """
    rng = Random(f"word-problems/{seed}")
    told: dict[str, tuple[str, Story]] = {}
    for turn in range(plots):
        stories = variants(rng, least + turn % (most - least + 1))
        group = digest(f"{turn} {stories[0].text}")
        told |= {f"{story.variant}-{digest(f'{turn} {story.text}')}": (group, story) for story in stories}
    return Examples(
        ids=np.array(list(told)),
        inputs=[f"Q: {story.text}{_ASK}\nA:" for _, story in told.values()],
        targets=np.array([story.answer for _, story in told.values()]),
        groups=np.array([group for group, _ in told.values()]),
        dataset=np.array([story.variant for _, story in told.values()]),
        reading=Reading(extract=NUMERIC, stop=("\n\n", "\nQ:"), max_tokens=160),
    )
