"""Preferred and rejected texts: what tuning did to them, and rewards read from likelihoods."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from bench.capabilities import Machine
from bench.components import task
from bench.estimators.preferences import ches
from bench.examples import Examples, Question
from bench.language import Details, LanguageModel, Scored
from bench.metrics.preferences import CHES, FLR
from bench.records import Record
from bench.records.preferences import Preferences
from bench.specs import parse
from bench.tasks.asking import Asked
from bench.tasks.calibration.facts import facts

POSITIVE = ("\nYes, that is right.", "\nThat is true.")
NEGATIVE = ("\nNo, that is wrong.", "\nThat is false.")


@task(
    "likelihood/preferences",
    needs="language",
    yields=Preferences,
    source="Razin et al. 2024, on questions whose answer is known",
    papers=(CHES,),
    check="likelihood/displacement",
)
def likelihood_preferences(seed: int, reference: str = "lm-base") -> Examples:
    """120 questions, the right answer preferred to a wrong one, under the model and under what it was tuned from.

    reference: the model that it was tuned from; hidden states for CHES are those of this one.
    """
    return _pairs(seed, partial(_ask_displaced, reference))


@task(
    "likelihood/follow-ups",
    needs="language",
    yields=Preferences,
    metrics=("preference-accuracy",),
    source="Zhang et al. 2024 (FLR)",
    papers=(FLR,),
    check="likelihood/follow-ups",
)
def likelihood_follow_ups(seed: int) -> Examples:
    """Answers rewarded by how likely the model finds it that the user agrees rather than objects."""
    return _pairs(seed, _ask_follow_ups)


def _pairs(seed: int, asker: Any) -> Examples:
    examples = facts(seed)
    questions: Sequence[Question] = list(examples.inputs)
    labels = np.asarray(examples.targets)
    pairs = []
    for row, (question, label) in enumerate(zip(questions, labels, strict=True)):
        wrong = [c for k, c in enumerate(question.choices) if k != label]
        pairs.append(Question(question.prompt, (question.choices[label], wrong[row % len(wrong)])))
    return Examples(ids=examples.ids, inputs=pairs, groups=examples.groups, asker=Asked(asker))


def _ask_displaced(reference: str, model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    requests = [(q.prompt, choice) for q in batch.inputs for choice in q.choices]
    ours = model.score(requests)
    theirs = _reference(reference).score(requests, Details(hidden=True))
    pairs = [ches(_hidden(theirs[i]), _hidden(theirs[i + 1])) for i in range(0, len(theirs), 2)]
    return Preferences(
        **common,
        chosen=_totals(ours[::2]),
        rejected=_totals(ours[1::2]),
        chosen_reference=_totals(theirs[::2]),
        rejected_reference=_totals(theirs[1::2]),
        chosen_tokens=np.array([s.tokens for s in ours[::2]]),
        rejected_tokens=np.array([s.tokens for s in ours[1::2]]),
        ches=np.array([pair.total for pair in pairs]),
        ches_mean=np.array([pair.mean for pair in pairs]),
    )


def _totals(scored: Sequence[Scored]) -> Any:
    return np.array([s.total for s in scored])


def _hidden(scored: Scored) -> Any:
    assert scored.details is not None  # noqa: S101 - asked for
    assert scored.details.hidden is not None  # noqa: S101 - asked for
    return scored.details.hidden


_REFERENCES: dict[str, Any] = {}


def _reference(name: str) -> Any:
    # Kept for the batches of a run: loading is most of what a small reference costs.
    from bench.models.building import build

    if name not in _REFERENCES:
        _REFERENCES.clear()
        _REFERENCES[name] = build(parse(name), Machine(offline=True))
    return _REFERENCES[name]


def follow_up_rewards(
    model: LanguageModel,
    texts: Sequence[str],
    positive: Sequence[str] = POSITIVE,
    negative: Sequence[str] = NEGATIVE,
) -> Any:
    """FLR of each text (n,): mean log-probability a token of the positive follow-ups less that of the negative."""
    both = [*positive, *negative]
    scored = model.score([(text, follow) for text in texts for follow in both])
    means = np.array([s.logprobs.mean() for s in scored]).reshape(len(texts), len(both))
    value = means[:, : len(positive)].mean(axis=1) if positive else np.zeros(len(texts))
    return value - means[:, len(positive) :].mean(axis=1) if negative else value


def _ask_follow_ups(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    texts = [q.prompt + choice for q in batch.inputs for choice in q.choices]
    rewards = follow_up_rewards(model, texts)
    return Preferences(**common, chosen=rewards[::2], rejected=rewards[1::2])
