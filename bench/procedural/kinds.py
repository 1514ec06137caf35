"""The kinds of items by name: drawing them by seed and split, and reading answers out of generated text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from random import Random

from bench.procedural import arithmetic, biographies, ciphers, logic, prose
from bench.procedural.items import Draw, Item, Split, split_of

DIFFICULTIES: dict[str, int] = {
    arithmetic.KIND: arithmetic.DIFFICULTIES,
    logic.KIND: logic.DIFFICULTIES,
    biographies.KIND: biographies.DIFFICULTIES,
    ciphers.KIND: ciphers.DIFFICULTIES,
    prose.KIND: prose.DIFFICULTIES,
}
"""kind -> its highest difficulty; the lowest is 1."""

KINDS = tuple(DIFFICULTIES)

_DRAWS: dict[str, Draw] = {
    arithmetic.KIND: arithmetic.draw,
    logic.KIND: logic.draw,
    ciphers.KIND: ciphers.draw,
    prose.KIND: prose.draw,
}

# What may stand between "So " and the full stop.  ASCII digits only, and no second spelling of a number.
_ANSWERS = {
    arithmetic.KIND: re.compile(r"0|[1-9][0-9]{0,8}"),
    logic.KIND: re.compile("|".join(logic.ANSWERS)),
    biographies.KIND: re.compile("|".join((*biographies.CITIES, *biographies.JOBS, "[0-9]{4}"))),
    ciphers.KIND: re.compile(r"[a-z](?:-[a-z]){0,31}"),
}
_LONGEST_LINE = 2000

_PATIENCE = 5000
"""Draws without a new item after which a kind counts as exhausted."""


def items(kind: str, n: int, seed: int, split: Split = "test", difficulty: int | None = None) -> list[Item]:
    """``n`` different items of a kind and split, always the same for the same arguments.

    Without a ``difficulty`` they take all difficulties in turn.  ``ValueError`` for an unknown kind or
    difficulty, or where the kind has fewer than ``n`` questions to give.
    """
    highest = _highest(kind)
    levels = [difficulty] if difficulty is not None else list(range(1, highest + 1))
    streams = [stream(kind, seed, split, level) for level in levels]
    found: dict[str, Item] = {}
    for turn in range(n):
        fresh = (item for item in islice(streams[turn % len(levels)], _PATIENCE) if item.id not in found)
        item = next(fresh, None)
        if item is None:
            raise ValueError(f"{kind} has no {n} different {split} items at difficulty {levels[turn % len(levels)]}")
        found[item.id] = item
    return list(found.values())


def stream(kind: str, seed: int, split: Split, difficulty: int) -> Iterator[Item]:
    """Items of a kind, split and difficulty without end, repeats included."""
    highest = _highest(kind)
    if not 1 <= difficulty <= highest:
        raise ValueError(f"{kind} has difficulties 1 to {highest}, not {difficulty}")
    rng = Random(f"{kind}/{difficulty}/{split}/{seed}")
    while True:
        if kind == biographies.KIND:
            yield biographies.draw(rng, difficulty, split)
        elif split_of((item := _DRAWS[kind](rng, difficulty)).prompt) == split:
            yield item


def extract_answer(kind: str, text: str) -> str | None:
    """The X of ``So X.`` at the end of a generated text's first line; None where there is not exactly one.

    For prose it is the first sentence.  Nothing in the text is evaluated, and only the form of a canonical
    answer of that kind is let through.
    """
    _highest(kind)
    line = text.split("\n", 1)[0]
    if len(line) > _LONGEST_LINE:
        return None
    if kind == prose.KIND:
        sentence, stop, _ = line.strip().partition(".")
        return sentence + stop if sentence and stop else None
    _, cue, after = f" {line.strip()}".partition(" So ")
    if not cue or not after.endswith(".") or " So " in f" {after}":
        return None
    return after[:-1] if _ANSWERS[kind].fullmatch(after[:-1]) else None


def _highest(kind: str) -> int:
    """The highest difficulty of a kind; ``ValueError`` names the kinds there are."""
    if kind not in DIFFICULTIES:
        raise ValueError(f"the kinds of items are {', '.join(KINDS)}, not {kind!r}")
    return DIFFICULTIES[kind]
