"""The record of last words of passages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.arrays import Bools
from bench.records.base import column
from bench.records.kinds import Tokens


@dataclass(frozen=True, kw_only=True, eq=False)
class LastWords(Tokens):
    """Log-probabilities of the tokens of one word each, given the passage before it."""

    kind: ClassVar[str] = "last-words"

    greedy: Bools = column("bool", "whether every token of the word is the likeliest in its place")
