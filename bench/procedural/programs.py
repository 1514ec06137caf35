"""Sentences that say what a small function returns, and the function's expression in Python."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from bench.procedural.items import Split, split_of

# What is said of the values -> what is made of each, as v.
MADE = {
    "values": "v",
    "squares": "v * v",
    "cubes": "v ** 3",
    "sizes": "abs(v)",
    "doubles": "2 * v",
    "halves": "v / 2",
    "opposites": "-v",
    "values plus {k}": "v + {k}",
    "values minus {k}": "v - {k}",
    "values times {k}": "v * {k}",
}
# Which values are meant -> the condition that they meet.
KEPT = {
    "all values": "",
    "even values": "v % 2 == 0",
    "odd values": "v % 2 == 1",
    "values above {n}": "v > {n}",
    "values below {n}": "v < {n}",
    "values of at least {n}": "v >= {n}",
    "values other than {n}": "v != {n}",
    "multiples of {n}": "v % {n} == 0",
}
ASKED = {
    "the sum of the": "sum({})",
    "the largest of the": "max({})",
    "the smallest of the": "min({})",
    "the set of the": "set({})",
    "the sorted list of the": "sorted({})",
    "the number of the": "len([{}])",
    "a list of the": "[{}]",
}


@dataclass(frozen=True)
class Asked:
    """A sentence that asks for an expression of `values`, and the expression."""

    sentence: str
    program: str


def draw(rng: Random) -> Asked:
    """One of some 9,000 pairs: what is returned, what is made of each value, and which values are meant."""
    k, n = rng.randint(2, 9), rng.randint(2, 9)
    ask, made, kept = (rng.choice(list(table)) for table in (ASKED, MADE, KEPT))
    condition = KEPT[kept].format(n=n)
    inner = f"{MADE[made].format(k=k)} for v in values" + (f" if {condition}" if condition else "")
    return Asked(f"{ask} {made.format(k=k)} of {kept.format(n=n)}", ASKED[ask].format(inner))


def drawn(rng: Random, count: int, split: Split) -> list[Asked]:
    """Different pairs of a split, which hangs on the sentence alone."""
    found: dict[str, Asked] = {}
    while len(found) < count:
        one = draw(rng)
        if split_of(one.sentence) == split:
            found[one.sentence] = one
    return list(found.values())
