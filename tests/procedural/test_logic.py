"""Logic items against a brute-force reading: every order of the people that the premises allow."""

from __future__ import annotations

import re
from collections import Counter
from itertools import permutations

import pytest

from bench.procedural import items
from bench.procedural.items import Item
from bench.procedural.logic import RELATIONS

LESSER = {lesser for _, lesser in RELATIONS}
GREATER = {greater for greater, _ in RELATIONS}


def meaning(item: Item) -> str:
    """yes or no where all rankings consistent with the premises agree, otherwise unknown."""
    premises = re.findall(r"(\w+) is (\w+) than (\w+)\.", item.prompt)
    asked = re.search(r"Is (\w+) (\w+) than (\w+)\?", item.prompt)
    assert asked is not None
    assert asked[2] in GREATER
    facts = [(b, a) if word in LESSER else (a, b) for a, word, b in premises]
    people = sorted({name for fact in facts for name in fact} | {asked[1], asked[3]})
    seen = set()
    for order in permutations(range(len(people))):
        rank = dict(zip(people, order, strict=True))
        if all(rank[a] > rank[b] for a, b in facts):
            seen.add(rank[asked[1]] > rank[asked[3]])
    assert seen, "the premises contradict each other"
    return "unknown" if len(seen) == 2 else "yes" if True in seen else "no"


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_answers_follow_from_the_premises(difficulty: int) -> None:
    for item in items("logic", 60 if difficulty < 4 else 25, 3, "test", difficulty):
        assert meaning(item) == item.answer


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_steps_use_only_given_facts(difficulty: int) -> None:
    for item in items("logic", 100, 4, "test", difficulty):
        premises = re.findall(r"(\w+) is (\w+) than (\w+)\.", item.prompt)
        assert len(premises) == difficulty + 1
        facts = {(b, a) if word in LESSER else (a, b) for a, word, b in premises}
        for chain in item.solution.split(" So ")[0].strip().rstrip(".").split(". "):
            names = chain.split(" > ")
            assert set(zip(names, names[1:], strict=False)) <= facts


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_the_three_answers_are_equally_likely(difficulty: int) -> None:
    counts = Counter(item.answer for item in items("logic", 600, 5, "train", difficulty))
    assert all(150 <= counts[answer] <= 250 for answer in ("yes", "no", "unknown"))
