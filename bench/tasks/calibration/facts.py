"""Questions of fact about people of whom the embedded models' training text speaks often or rarely."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples, Question
from bench.procedural import items
from bench.records import Choices

QUESTIONS = 120


@task(
    "calibration/facts",
    needs="language",
    yields=Choices,
    source="bench, procedural: biographies by Zipf's law; after Kadavath et al. 2022 (what models know they know)",
)
def facts(seed: int) -> Examples:
    """120 questions of four choices in wordings that training held out; one person's questions are one group."""
    drawn = items("biographies", QUESTIONS, seed)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[Question(item.direct, item.continuations) for item in drawn],
        targets=np.array([item.choices.index(item.answer) for item in drawn]),
        groups=np.array([item.group for item in drawn]),
    )
