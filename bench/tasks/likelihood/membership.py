"""Which texts a language model was trained on, and how many bits of them it holds."""

from __future__ import annotations

from functools import partial
from math import log
from random import Random
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ragged
from bench.components import task
from bench.errors import UsageError
from bench.estimators.membership import min_k, min_k_plus, moments, offline_lira
from bench.examples import Examples
from bench.language import Details, Scored
from bench.procedural.biographies import ATTRIBUTES, CITIES, JOBS, STATEMENTS, YEARS, Person, registry
from bench.records import Record, Scores, Tokens
from bench.seeds import derive
from bench.tasks.asking import Asked

CANARY = "Canary in a Coalmine: Better Membership Inference with Ensembled Adversarial Queries"
CAPACITY = "Physics of Language Models: Part 3.3, Knowledge Capacity Scaling Laws"
VALUES = {"city": CITIES, "job": JOBS, "year": YEARS}
KINDS = ("loss", "min-k", "min-k++", "lira")
SHADOWS = 16
# Moments of Min-K%++ are over so many of the likeliest tokens: all of a small vocabulary, all that counts of a large.
LIKELIEST = 4096


@task(
    "likelihood/membership",
    needs="language",
    yields=Scores,
    scores=("given",),
    source="Shi et al. 2023; Zhang et al. 2024; Carlini et al. 2022, on biographies of which half are true to training",
    papers=(CANARY,),
    check="likelihood/membership",
)
def likelihood_membership(seed: int, score: str = "min-k++") -> Examples:
    """240 lives, half as the embedded models' training text tells them, half with facts dealt anew; higher: the latter.

    The statements' wording and the names are alike in both halves, so that nothing but memory tells them apart.  score:
    loss, min-k or min-k++ (the least fifth of tokens), or lira: the chance that lives with other facts score as high.
    """
    if score not in KINDS:
        raise UsageError(f"there is no score '{score}'", cause=f"it is one of {', '.join(KINDS)}", fix="name one")
    draws = Random(derive(seed, "likelihood/membership"))
    people = registry()
    texts, outside = [], []
    for place, person in enumerate(people):
        outside.append(place % 2 == 1)
        facts = {a: person.value(a) for a in ATTRIBUTES}
        told = _other(facts, draws) if outside[-1] else facts
        shadows = [_life(person, _other(told, draws)) for _ in range(SHADOWS)] if score == "lira" else []
        texts.append([_life(person, told), *shadows])
    return Examples(
        ids=np.array([f"life-{k:03d}" for k in range(len(people))]),
        inputs=texts,
        ood=np.array(outside),
        asker=Asked(partial(_ask_members, score)),
    )


def _other(facts: dict[str, str], draws: Random) -> dict[str, str]:
    return {a: draws.choice([v for v in VALUES[a] if v != value]) for a, value in facts.items()}


def _life(person: Person, facts: dict[str, str]) -> str:
    return " ".join(STATEMENTS[a][0].format(name=person.name, **{a: facts[a]}) for a in ATTRIBUTES)


def _ask_members(kind: str, model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    found = familiar(kind, model, [("", text) for row in batch.inputs for text in row])
    if kind == "lira":
        table = found.reshape(len(batch), 1 + SHADOWS)
        found = offline_lira(table[:, 0], table[:, 1:])
    return Scores(**common, scores=-found)


def familiar(kind: str, model: Any, requests: list[tuple[str, str]]) -> Float64s:
    """How familiar each continuation is to the model given its context, (n,): by one of `KINDS`, lira as the loss."""
    if kind == "min-k++":
        return np.array([_plus(s) for s in model.score(requests, Details(top=LIKELIEST))])
    return np.array([min_k(s.logprobs) if kind == "min-k" else s.logprobs.mean() for s in model.score(requests)])


def _plus(scored: Scored) -> float:
    assert scored.details is not None  # noqa: S101 - asked for
    top: Float64s | None = scored.details.top_logprobs
    assert top is not None  # noqa: S101 - asked for
    return min_k_plus(scored.logprobs, *moments(top))


@task(
    "likelihood/knowledge",
    needs="language",
    yields=Tokens,
    metrics=("knowledge-bits",),
    source="Allen-Zhu and Li 2024, on the biographies in the embedded models' training text",
    papers=(CAPACITY,),
    check="likelihood/knowledge",
)
def likelihood_knowledge(seed: int) -> Examples:  # noqa: ARG001 - every person is asked
    """The facts of all 240 people, given their names; truth is a uniform guess among 12 cities, 12 jobs and 80 years.

    The people's names are given, so what is counted is what the model knows of them; a person is one sample.
    """
    people = registry()
    guess = -sum(log(len(VALUES[a])) for a in ATTRIBUTES)
    return Examples(
        ids=np.array([f"person-{k:03d}" for k in range(len(people))]),
        inputs=[[_asked(person, a) for a in ATTRIBUTES] for person in people],
        truth=np.full(len(people), guess),
        asker=Asked(_ask_facts),
    )


def _asked(person: Person, attribute: str) -> tuple[str, str]:
    """The statement up to the fact, and the fact with what ends it."""
    text = STATEMENTS[attribute][0].format(name=person.name, **{attribute: person.value(attribute)})
    at = text.rindex(person.value(attribute))
    return text[: at - 1], text[at - 1 :]


def _ask_facts(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    scored = iter(model.score([pair for row in batch.inputs for pair in row]))
    rows = [np.concatenate([next(scored).logprobs for _ in row]) for row in batch.inputs]
    sizes = [sum(len(fact.encode()) for _, fact in row) for row in batch.inputs]
    return Tokens(**common, logprobs=Ragged.of(rows, np.float64), bytes=np.array(sizes), truth=batch.truth)
