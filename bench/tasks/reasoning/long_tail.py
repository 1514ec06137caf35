"""The same rules about people whom everybody knows, and about people whom few do."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples, Question
from bench.metrics.parts import parts
from bench.procedural.history import Statement, pair, people
from bench.procedural.items import digest
from bench.records import Choices

PAPERS = ("In Search of the Long-Tail: Systematic Generation of Long-Tail Knowledge via Logical Rule Guided Search",)
SOURCE = "Li et al. 2023, In Search of the Long-Tail, arXiv:2311.07237"


@task(
    "reasoning/long-tail",
    needs="language",
    yields=Choices,
    own=parts("head", "tail", gaps=[("head", "tail")]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/long-tail",
)
def long_tail(seed: int) -> Examples:
    """Could X have used Y, could X and Y have met: true and false statements in pairs, decided by years alone.

    head: people whom everybody knows; tail: people of the same times whom few do; `gap-head-tail` is what rarity costs.
    All statements are at least 15 years clear of their boundary; chance is 1/2.  The embedded models know nobody.
    """
    rng = Random(f"long-tail/{seed}")
    made: list[Statement] = []
    for part in ("head", "tail"):
        for person in people(part):
            for rule in ("use", "meet"):
                both = pair(rng, part, person, rule)
                made += both if len(both) == 2 else []
    return Examples(
        ids=np.array([f"{one.rule}-{digest(f'{turn} {one.text}')}" for turn, one in enumerate(made)]),
        inputs=[Question(f"Q: True or false? {one.text}\nAnswer:", (" false", " true")) for one in made],
        targets=np.array([int(one.true) for one in made]),
        groups=np.array([one.person for one in made]),
        dataset=np.array([one.part for one in made]),
    )
