"""Logic items against a brute-force reading: every order of the people that the premises allow."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise, permutations

import pytest

from bench.procedural import items
from bench.procedural.items import Item
from bench.procedural.logic import RELATIONS

VERB = "|".join(above for above, _, _ in RELATIONS)
PASSIVE = "|".join(below for _, _, below in RELATIONS)


def premises(item: Item) -> list[tuple[str, str]]:
    """(greater, lesser) for each premise, from the text alone."""
    above = re.findall(rf"(\w+) (?:{VERB}) (\w+)", item.prompt)
    below = re.findall(rf"(\w+) (?:{PASSIVE}) (\w+)", item.prompt)
    return above + [(high, low) for low, high in below]


def meaning(item: Item) -> str:
    """yes or no where all rankings consistent with the premises agree, otherwise unknown."""
    facts = premises(item)
    asked = re.search(r"Does (\w+) \w+ (\w+)\?", item.prompt)
    assert asked is not None
    people = sorted({name for fact in facts for name in fact} | {asked[1], asked[2]})
    seen = set()
    for order in permutations(range(len(people))):
        rank = dict(zip(people, order, strict=True))
        if all(rank[a] > rank[b] for a, b in facts):
            seen.add(rank[asked[1]] > rank[asked[2]])
    assert seen, "the premises contradict each other"
    return "unknown" if len(seen) == 2 else "yes" if True in seen else "no"


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_answers_follow_from_the_premises(difficulty: int) -> None:
    for item in items("logic", 60 if difficulty < 4 else 25, 3, "test", difficulty):
        assert meaning(item) == item.answer


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_steps_use_only_given_facts(difficulty: int) -> None:
    for item in items("logic", 100, 4, "test", difficulty):
        facts = set(premises(item))
        assert len(facts) == difficulty + 1
        for chain in item.solution.split(" So ")[0].strip().rstrip(".").split(". "):
            names = chain.split(" ")
            assert set(pairwise(names)) <= facts


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_the_three_answers_are_equally_likely(difficulty: int) -> None:
    counts = Counter(item.answer for item in items("logic", 600, 5, "train", difficulty))
    assert all(150 <= counts[answer] <= 250 for answer in ("yes", "no", "unknown"))
