"""Rules in English that may or may not contradict each other."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples, Question
from bench.metrics.parts import parts
from bench.procedural.items import digest
from bench.procedural.satisfiability import NAME, draw_formula, render, threshold
from bench.records import Choices

FORMULAS = 80
PAPERS = ("Pushing the Limits of Rule Reasoning in Transformers through Natural Language Satisfiability",)
SOURCE = "Richardson and Sabharwal 2022, arXiv:2112.09054"
SIZES = (5, 8, 12)
_ASK = f" Can all of these rules hold for {NAME} at once? Answer yes or no."


@task(
    "reasoning/satisfiability",
    needs="language",
    yields=Choices,
    own=parts(*(f"n{n}" for n in SIZES), gaps=[("n5", "n12")]),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/satisfiability",
)
def satisfiability(seed: int, formulas: int = FORMULAS, offset: float = 0.0, pairs: float = 0.0) -> Examples:
    """Random 3-SAT of 5, 8 and 12 variables at the ratio where half of the formulas have a solution, as English rules.

    Half of the items have one and half have none, so chance is 1/2; labels are by enumeration.  offset: clauses a
    variable more (fewer) than there.  pairs: share of clauses of two literals (2+p-SAT).  The embedded models have seen
    no rules, and answer by chance.
    """
    rng = Random(f"satisfiability/{seed}")
    rows: list[tuple[str, str, int, str]] = []
    for turn in range(formulas):
        n, wanted = SIZES[turn % len(SIZES)], turn // len(SIZES) % 2
        formula = draw_formula(rng, n, threshold(n) + offset, pairs)
        while (formula.models() > 0) != bool(wanted):
            formula = draw_formula(rng, n, threshold(n) + offset, pairs)
        text = render(formula, rng)
        rows.append((f"sat-{digest(f'{turn} {text}')}", text, wanted, f"n{n}"))
    return Examples(
        ids=np.array([row[0] for row in rows]),
        inputs=[Question(f"Q: {text}{_ASK}\nAnswer:", (" no", " yes")) for _, text, _, _ in rows],
        targets=np.array([row[2] for row in rows]),
        dataset=np.array([row[3] for row in rows]),
    )
