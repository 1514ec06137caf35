"""Knowing what one doesn't know, in words: worked sums, and facts about people spoken of often or rarely."""

from __future__ import annotations

from functools import partial

import numpy as np

from bench.components import task
from bench.examples import Examples, Reading
from bench.procedural import extract_answer, items
from bench.records import Generations

QUESTIONS = 120
SCORES = (
    "confidence",
    "g-nll",
    "sequence-perplexity",
    "token-surprise",
    "mean-token-entropy",
    "max-token-entropy",
    "self-certainty",
    "p-true",
    "verbalised",
    "claim-conditioned",
    "predictive-entropy",
    "normalised-predictive-entropy",
    "semantic-entropy",
    "semantic-entropy-mc",
    "semantic-entropy-discrete",
    "semantic-sets",
    "disagreement",
    "lexical-similarity",
    "degree",
    "eigv",
    "eccentricity",
    "kernel-language-entropy",
    "eigenscore",
    "token-sar",
    "sentence-sar",
    "sar",
)
DEFERRING = (
    "g-nll", "sequence-perplexity", "token-surprise", "token-surprise,quantile=0.5", "max-token-entropy",
    "deferral-learned",
)  # fmt: skip
METRICS = (
    "accuracy", "tokens-per-answer", "brier-confidence", "auroc", "prr", "rank-calibration-error", "error-brier",
    "error-bias", "length-bias",
)  # fmt: skip


@task(
    "uncertainty/people",
    needs="language",
    yields=Generations,
    decoders=("uncertainty",),
    scores=SCORES,
    metrics=METRICS,
    source="bench, procedural: biographies by Zipf's law; the protocol of Fadeeva et al. 2023, LM-Polygraph",
)
def people(seed: int) -> Examples:
    """120 facts about people of whom training spoke often or rarely, asked in wordings that it held out.

    An answer is right where it is the fact, exactly; questions about one person are one group.
    """
    return _questions("biographies", seed)


@task(
    "uncertainty/arithmetic",
    needs="language",
    yields=Generations,
    decoders=("uncertainty",),
    scores=SCORES,
    metrics=METRICS,
    source="bench, procedural: sums of one to four operations; the protocol of Fadeeva et al. 2023, LM-Polygraph",
)
def arithmetic(seed: int) -> Examples:
    """120 sums with worked steps, of one to four operations; an answer is right where its number is."""
    return _questions("arithmetic", seed)


@task(
    "uncertainty/cascade",
    needs="language",
    yields=Generations,
    decoders=("cascade",),
    scores=DEFERRING,
    metrics=("accuracy", "auroc", "prr", "deferral-area", "deferral-gain", "length-bias"),
    source="Gupta et al. 2024, arXiv:2404.10136, on bench's procedural sums",
    papers=("Language Model Cascades: Token-level uncertainty and beyond",),
    check="uncertainty/deferral-curve",
)
def deferring(seed: int) -> Examples:
    """120 worked sums, answered by a small model, of which the unsure ones could go to a larger one."""
    return _questions("arithmetic", seed)


def _questions(kind: str, seed: int) -> Examples:
    drawn = items(kind, QUESTIONS, seed)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        groups=np.array([item.group or item.id for item in drawn]),
        reading=Reading(extract=partial(extract_answer, kind), max_tokens=72),
    )
