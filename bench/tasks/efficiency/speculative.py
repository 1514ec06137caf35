"""How well a smaller model drafts for a larger one."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.components import task
from bench.examples import Examples, Reading
from bench.procedural import extract_answer, items
from bench.records import Speculation

QUESTIONS = 64
_MAX_TOKENS = 72


@task(
    "efficiency/speculative",
    needs="language",
    yields=Speculation,
    decoders=("speculative", "speculative-adaptive"),
    source="bench, procedural; Chen et al. 2023, Huang et al. 2024, Khisti et al. 2025",
    check="speculative-sampling",
)
def speculative(seed: int) -> Examples:
    """64 sums with worked steps, drafted by the small embedded model: what is accepted, and what it would save.

    Another draft model: `--decoder speculative,draft=NAME,k=4`.  The texts are samples of the model that is asked.
    """
    drawn = items("arithmetic", QUESTIONS, seed)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        reading=Reading(extract=partial(extract_answer, "arithmetic"), max_tokens=_MAX_TOKENS),
    )
