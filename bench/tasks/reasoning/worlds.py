"""Questions whose answer is a probability that is known."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples, Question
from bench.metrics.parts import parts
from bench.procedural.items import digest
from bench.procedural.worlds import DOMAINS, Told
from bench.records import Choices

QUESTIONS = 60
PAPERS = (
    "From Word Models to World Models: Translating from Natural Language to the Probabilistic Language of Thought",
)
SOURCE = "Wong et al. 2023, From Word Models to World Models, arXiv:2306.12672"


@task(
    "reasoning/worlds",
    needs="language",
    yields=Choices,
    own=parts(*DOMAINS),
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/worlds",
)
def worlds(seed: int, questions: int = QUESTIONS) -> Examples:
    """Tug of war, urns, diagnoses and errands: yes or no, where the probability of yes is known by enumeration.

    The model's probability of ` yes` against ` no` is held to the true posterior (`choice-mse-p`, `choice-kl-p`), and
    the outcome that counts as right is drawn from it, so that no model can be right always.  The embedded models have
    read no such text; what they say is their habit of saying yes.
    """
    rng = Random(f"worlds/{seed}")
    told: list[Told] = [list(DOMAINS.values())[turn % len(DOMAINS)](rng) for turn in range(questions)]
    return Examples(
        ids=np.array([f"{one.domain}-{digest(f'{turn} {one.text}')}" for turn, one in enumerate(told)]),
        inputs=[Question(f"Q: {one.text} Answer yes or no.\nAnswer:", (" no", " yes")) for one in told],
        targets=np.array([int(rng.random() < one.answer) for one in told]),
        dataset=np.array([one.domain for one in told]),
        truth=np.array([[1 - one.answer, one.answer] for one in told]),
    )
