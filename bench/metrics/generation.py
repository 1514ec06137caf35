"""Metrics of generated answers beyond being right: whether one could be read, what it cost, what the pool holds."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Generations


@metric(
    "parse-rate",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    source="share of prompts with an answer that can be read",
)
def parse_rate(record: Generations) -> PerSample:
    """Share of prompts for which an answer could be read, right or wrong."""
    return per_sample(record.answer != "")


@metric(
    "tokens-per-answer",
    of=Generations,
    area="reasoning",
    better="lower",
    unit="tokens",
    range=(0, None),
    source="tokens generated for one answer, those that a model read to verify included",
)
def tokens_per_answer(record: Generations) -> PerSample:
    """Mean number of tokens spent on an answer: the price of a decoder.

    What it threw away counts, and what a model read to verify; of records that don't tell, the tokens of the pool.
    """
    return per_sample(record.tokens.sums() if record.spent is None else record.spent)


@metric(
    "calls-per-answer",
    of=Generations,
    area="reasoning",
    better="lower",
    range=(0, None),
    default=False,
    source="texts and steps that a decoder asked for, and judgements of a verifier",
)
def calls_per_answer(record: Generations) -> PerSample:
    """Mean number of texts, steps and judgements that an answer took."""
    if record.calls is None or record.checks is None:
        raise NotApplicable("the record does not say how often the model was asked")
    return per_sample(record.calls + record.checks)


@metric(
    "mean-logprob",
    of=Generations,
    area="likelihood",
    better="none",
    unit="nats/token",
    source="log-probability of the generated tokens, a ratio of sums",
)
def mean_logprob(record: Generations) -> PerSample:
    """Log-probability of all generations over their number of tokens: how usual the model finds its own texts."""
    tokens = record.tokens.sums()
    if not tokens.any():
        raise NotApplicable("the generations hold no token")
    if np.isnan(record.logprob.values).any():
        raise NotApplicable("the model told no log-probabilities")
    return per_sample(record.logprob.sums(), tokens)


def _corrects(record: Generations) -> Ragged:
    if record.corrects is None:
        raise NotApplicable("the record does not say which generations of the pool are right ('corrects')")
    return record.corrects


def _rights(record: Generations) -> tuple[Float64s, Float64s]:
    """Right draws and all draws of each prompt, (n,); of a pool without draws, its greedy text."""
    corrects = _corrects(record)
    drawn = record.sampled if record.sampled.any() else ~record.sampled
    count = Ragged(drawn.astype(np.float64), corrects.offsets).sums()
    if not count.all():
        raise NotApplicable("some prompt has no draw")
    return Ragged(corrects.values & drawn, corrects.offsets).sums(), count


@metric(
    "pool-accuracy",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source="expected accuracy of one generation",
)
def pool_accuracy(record: Generations) -> PerSample:
    """Mean share of right generations in the pool: the accuracy of one draw, before any voting."""
    right, count = _rights(record)
    return per_sample(right / count)


@metric(
    "pool-any",
    of=Generations,
    area="reasoning",
    better="higher",
    range=(0, 1),
    default=False,
    source="Chen et al. 2021, Evaluating Large Language Models Trained on Code (pass@k at k = pool size)",
)
def pool_any(record: Generations) -> PerSample:
    """Share of prompts with a right generation anywhere in the pool: pass@k for k the size of the pool."""
    return per_sample(_rights(record)[0] > 0)
