"""Chains of comparisons: who outranks whom, with the answer yes, no or unknown."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from bench.procedural.items import Item, check_difficulty, question_item

KIND = "logic"
DIFFICULTIES = 4
ANSWERS = ("yes", "no", "unknown")
NAMES = (
    "Ann", "Bo", "Cy", "Dee", "Eli", "Fay", "Gus", "Hal", "Ida", "Jo", "Kit", "Lou", "Max", "Ned", "Ola",
    "Pam",
)  # fmt: skip
# (told from above, asked, told from below); each is transitive, so that chains mean what they seem to.
RELATIONS = (
    ("outranks", "outrank", "is outranked by"),
    ("outweighs", "outweigh", "is outweighed by"),
    ("outruns", "outrun", "is outrun by"),
    ("outlives", "outlive", "is outlived by"),
)

Fact = tuple[str, str]
"""(greater, lesser)"""

# From this difficulty on, a premise may be told from below.
_INVERTED_FROM = 3
_INVERTED_SHARE = 0.2


def draw(rng: Random, difficulty: int) -> Item:
    """One question over ``difficulty + 1`` premises; yes, no and unknown are equally likely.

    For yes and no the two people are ``difficulty`` premises apart.  The premises form chains (nobody is said
    to be greater than two others), so that following them down from one person is a procedure without choice,
    and the worked steps are that procedure: down from the first person asked about, then from the second.
    """
    check_difficulty(KIND, difficulty, DIFFICULTIES)
    answer = rng.choice(ANSWERS)
    names = rng.sample(NAMES, difficulty + 3)
    facts, first, second = (
        _unknown(rng, names, difficulty) if answer == "unknown" else _known(rng, names, difficulty, answer)
    )
    rng.shuffle(facts)
    above, asked, below = rng.choice(RELATIONS)
    premises = [
        f"{low} {below} {high}"
        if difficulty >= _INVERTED_FROM and rng.random() < _INVERTED_SHARE
        else f"{high} {above} {low}"
        for high, low in facts
    ]
    question = f"{', and '.join(premises)}. Does {first} {asked} {second}?"
    steps = worked_steps(facts, first, second, answer)
    return question_item(KIND, question, steps, answer, difficulty, choices=ANSWERS)


def worked_steps(facts: list[Fact], first: str, second: str, answer: str) -> str:
    """The chain down from ``first``, and unless it meets ``second``, the chain down from ``second``."""
    steps = " ".join(_descend(facts, first, second)) + "."
    if answer != "yes":
        steps += " " + " ".join(_descend(facts, second, first)) + "."
    return steps


def _descend(facts: list[Fact], start: str, goal: str) -> list[str]:
    below = dict(facts)
    chain = [start]
    while chain[-1] != goal and chain[-1] in below:
        chain.append(below[chain[-1]])
    return chain


def _known(rng: Random, names: list[str], hops: int, answer: str) -> tuple[list[Fact], str, str]:
    """A chain of ``hops`` facts between the two people, and one fact about somebody else."""
    chain, extra = names[: hops + 1], names[hops + 1]
    facts = list(pairwise(chain))
    # The extra fact hangs below the end of the chain or above any of its members: still one fact per person.
    place = rng.randrange(hops + 2)
    facts.append((chain[-1], extra) if place == hops + 1 else (extra, chain[place]))
    return (facts, chain[0], chain[-1]) if answer == "yes" else (facts, chain[-1], chain[0])


def _unknown(rng: Random, names: list[str], hops: int) -> tuple[list[Fact], str, str]:
    """Two chains, ``hops + 1`` facts together, that meet at their lower end or not at all."""
    total = hops + 1
    meet = rng.random() < 0.5
    length = rng.randint(1, total - 1) if meet else rng.randint(0, total)
    upper = names[: length + 1]
    lower = names[length + 1 : length + 1 + total - length + (0 if meet else 1)]
    if meet:
        lower.append(upper[-1])
    facts = [*pairwise(upper), *pairwise(lower)]
    return facts, upper[0], lower[0]
