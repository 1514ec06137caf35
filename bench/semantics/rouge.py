"""ROUGE-L: how much of two texts is one common subsequence of words."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+")


@lru_cache(maxsize=1 << 16)
def words(text: str) -> tuple[str, ...]:
    """Runs of letters and digits in lower case, as the rouge-score package has them without stemming."""
    return tuple(_WORD.findall(text.lower()))


def rouge_l(first: str, second: str) -> float:
    """F1 of the longest common subsequence of words, in [0, 1]; 0 where one text has no words, 1 where both have none.

    Source: Lin 2004, ROUGE.
    """
    a, b = words(first), words(second)
    if not a or not b:
        return float(a == b)
    return 2 * common(a, b) / (len(a) + len(b))


def common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """Length of the longest common subsequence, by bits (Hyyrö 2004): a row of the table is one whole number."""
    masks: dict[str, int] = {}
    for place, word in enumerate(a):
        masks[word] = masks.get(word, 0) | 1 << place
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        hits = row & masks.get(word, 0)
        row = (row + hits | row - hits) & full
    return len(a) - row.bit_count()
