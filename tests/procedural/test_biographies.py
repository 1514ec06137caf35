"""The registry of people, and questions whose wording, not whose facts, is held out."""

from __future__ import annotations

from random import Random

from bench.procedural import items
from bench.procedural.biographies import PEOPLE, QUESTIONS, biography, registry


def test_people_are_different_and_spoken_of_by_rank() -> None:
    people = registry()
    assert len({person.name for person in people}) == PEOPLE
    assert [person.weight for person in people] == sorted((p.weight for p in people), reverse=True)
    assert {person.difficulty for person in people} == {1, 2, 3}


def test_answers_are_the_registered_facts() -> None:
    people = {person.name: person for person in registry()}
    for item in items("biographies", 200, 1):
        person = people[item.group]
        assert item.answer in (person.city, person.job, person.year)
        assert item.difficulty == person.difficulty
        assert len(item.choices) == 4
        assert not {person.city, person.job, person.year} - {item.answer} & set(item.choices)


def test_the_wordings_of_the_splits_differ() -> None:
    for attribute, wordings in QUESTIONS["test"].items():
        assert not set(wordings) & set(QUESTIONS["train"][attribute])


def test_a_biography_tells_every_fact_and_frequent_people_come_first() -> None:
    rng = Random(0)
    lines = [biography(rng) for _ in range(2000)]
    counts = [sum(person.name in line for line in lines) for person in registry()]
    assert sum(counts[:24]) > 5 * sum(counts[-24:])
    first = registry()[0]
    assert all(first.city in line and first.job in line and first.year in line for line in lines if first.name in line)
