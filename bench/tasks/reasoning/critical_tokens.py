"""Where chains are lost: continuations from every prefix of a model's own greedy chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples, Reading
from bench.language import Draw, LanguageModel, SteppedModel
from bench.metrics.critical import PAPERS, SOURCE
from bench.procedural import extract_answer, items
from bench.records import Rollouts
from bench.seeds import derive
from bench.tasks.asking import Asked

QUESTIONS = 40
ROLLOUTS = 8
READING = Reading(extract=partial(extract_answer, "arithmetic"), max_tokens=72)


@task(
    "reasoning/critical-tokens",
    needs="language",
    yields=Rollouts,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/critical-tokens",
)
def critical_tokens(seed: int, questions: int = QUESTIONS, difficulty: int = 2) -> Examples:
    """40 sums of two operations, answered greedily; from each prefix of the chain, 8 samples at temperature 1.

    A token is critical where some continuation before it ended right, and none from any prefix after it.  With 8
    samples a prefix that is worth less than a third is often taken for lost.
    """
    drawn = items("arithmetic", questions, seed, difficulty=difficulty)
    return Examples(
        ids=np.array([item.id for item in drawn]),
        inputs=[item.prompt for item in drawn],
        targets=np.array([item.answer for item in drawn]),
        reading=READING,
        asker=Asked(ask),
    )


def ask(model: LanguageModel, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Rollouts:
    """Greedy chains, cut after each token, and continued."""
    if not isinstance(model, SteppedModel):
        raise UsageError(
            "the model's chains can't be cut after each token",
            cause="it doesn't open sessions",
            fix="take a local model (hf:… or an embedded one)",
        )
    reading = batch.reading or READING
    prompts, targets = [str(text) for text in batch.inputs], [str(target) for target in np.asarray(batch.targets)]
    texts = model.generate([Draw(p, 0, stop=reading.stop, max_tokens=reading.max_tokens) for p in prompts])
    with model.session(prompts[:1], 1) as session:
        begun = [[session.text(one.token_ids[:t].tolist()) for t in range(len(one.token_ids))] for one in texts]
    correct = [reading.extract(one.text) == target for one, target in zip(texts, targets, strict=True)]
    seeds = [derive(seed, "rollouts", str(id_)) for id_ in batch.ids]
    values = worth(model, prompts, begun, targets, reading, seeds, ROLLOUTS)
    return Rollouts(
        **common,
        value=Ragged.of([[*row, float(end)] for row, end in zip(values, correct, strict=True)], np.float64),
        correct=np.array(correct),
        text=np.array([one.text for one in texts], dtype=object),
        rollouts=ROLLOUTS,
    )


def worth(
    model: LanguageModel,
    prompts: Sequence[str],
    begun: Sequence[Sequence[str]],
    targets: Sequence[str],
    reading: Reading,
    seeds: Sequence[int],
    rollouts: int,
) -> list[Float64s]:
    """Of each prompt's beginnings, the share of `rollouts` samples at temperature 1 that end in the target.

    seeds: one for each prompt.
    """
    draws = [
        Draw(prompt + start, derive(seed, place, k), 1.0, 1.0, reading.stop, reading.max_tokens)
        for prompt, starts, seed in zip(prompts, begun, seeds, strict=True)
        for place, start in enumerate(starts)
        for k in range(rollouts)
    ]
    texts = iter(model.generate(draws))
    out = []
    for starts, target in zip(begun, targets, strict=True):
        hits = [[reading.extract(start + next(texts).text) == target for _ in range(rollouts)] for start in starts]
        out.append(np.array(hits, dtype=np.float64).reshape(len(starts), rollouts).mean(axis=1))
    return out
