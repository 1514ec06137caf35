"""Facts that the prompt contradicts: does a model say what it remembers, or what it has just been told?"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np

from bench.components import task
from bench.examples import Examples, Question
from bench.metrics.recall import PLAIN, REMEMBERED, SOURCE, recall_metrics
from bench.procedural.biographies import CITIES, QUESTIONS, STATEMENTS, Person, registry
from bench.procedural.capitals import CAPITALS
from bench.procedural.items import DIRECT_CUE
from bench.records import Choices

PAPERS = ("Characterizing Mechanisms for Factual Recall in Language Models",)
OTHERS = 2
PEOPLE = 60
PARTS = ("frequent", "middling", "rare")  # by how often the fact is spoken of

Row = tuple[str, Question, str, str]  # id, question, group, part


@task(
    "reasoning/capitals",
    needs="language",
    yields=Choices,
    own=recall_metrics,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/recall",
)
def capitals(seed: int) -> Examples:
    """68 capitals, asked as they are and after a false claim: the remembered city, the claimed one and two others.

    A row is right where the remembered city is likeliest; `claimed-rate` is how often the claim is, of the rows that
    make one.  The embedded models know no country.
    """
    rng = Random(f"capitals/{seed}")
    rows: list[Row] = []
    for rank, (country, capital) in enumerate(CAPITALS.items()):
        wrong, *others = rng.sample([city for city in CAPITALS.values() if city != capital], 1 + OTHERS)
        question = f"Q: What is the capital of {country}?\nA: The capital of {country} is"
        choices = tuple(f" {city}" for city in (capital, wrong, *others))
        claim = f"The capital of {country} is {wrong}. "
        rows += _both(country, question, choices, claim, _part(rank, len(CAPITALS)))
    return _examples(rows)


@task(
    "reasoning/counterfactual-people",
    needs="language",
    yields=Choices,
    own=recall_metrics,
    source=SOURCE,
    papers=PAPERS,
    check="reasoning/recall",
)
def counterfactual_people(seed: int, people: int = PEOPLE) -> Examples:
    """Home cities of the people of the embedded models' training text, asked as they are and after a false claim.

    As many people from each third of how often the text speaks of them, which is known exactly.
    """
    rng = Random(f"counterfactual-people/{seed}")
    everybody = registry()
    third = len(everybody) // 3
    rows: list[Row] = []
    for place in range(people):
        part = place % 3
        person = _fresh(rng, everybody[part * third : (part + 1) * third], {row[2] for row in rows})
        wrong, *others = rng.sample([city for city in CITIES if city != person.city], 1 + OTHERS)
        asked = rng.choice(QUESTIONS["test"]["city"]).format(name=person.name)
        claim = rng.choice(STATEMENTS["city"]).format(name=person.name, city=wrong) + "\n"
        choices = tuple(f" {city}." for city in (person.city, wrong, *others))
        rows += _both(person.name, f"Q: {asked}{DIRECT_CUE}", choices, claim, PARTS[part])
    return _examples(rows)


def _fresh(rng: Random, people: Sequence[Person], taken: set[str]) -> Person:
    return rng.choice([person for person in people if person.name not in taken])


def _both(name: str, question: str, choices: tuple[str, ...], claim: str, part: str) -> list[Row]:
    return [
        (f"{name}-{PLAIN}", Question(question, choices), name, PLAIN),
        (f"{name}-{part}", Question(claim + question, choices), name, part),
    ]


def _part(rank: int, count: int) -> str:
    return PARTS[min(2, rank * 3 // count)]


def _examples(rows: Sequence[Row]) -> Examples:
    return Examples(
        ids=np.array([row[0] for row in rows]),
        inputs=[row[1] for row in rows],
        targets=np.full(len(rows), REMEMBERED),
        groups=np.array([row[2] for row in rows]),
        dataset=np.array([row[3] for row in rows]),
    )
