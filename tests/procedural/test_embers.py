"""Deterministic text tasks: each function and its inverse."""

from __future__ import annotations

import codecs
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bench.procedural.embers import (
    RULES,
    from_pig_latin,
    nonsense,
    pig_latin,
    reverse_words,
    rotate,
    scrambled,
    sentence,
)

TEXTS = st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), min_size=1, max_size=8).map(" ".join)


@given(TEXTS)
def test_every_rule_inverts(text: str) -> None:
    for rule, invert in RULES:
        assert rule.apply(invert(text)) == text


@given(TEXTS)
def test_rot_13_is_python_s(text: str) -> None:
    assert rotate(text, 13) == codecs.encode(text, "rot13")
    assert rotate(rotate(text, 2), 24) == text


def test_by_hand() -> None:
    assert pig_latin("the old boat") == "e-thay old-ay oat-bay"
    assert from_pig_latin("e-thay old-ay") == "the old"
    assert reverse_words("a b c") == "c b a"


def test_scraps_keep_the_words_and_lose_the_order() -> None:
    rng = Random(0)
    for _ in range(50):
        text = sentence(rng)
        other = scrambled(rng, text)
        assert sorted(other.split()) == sorted(text.split())
        assert other != text


def test_nonsense_alternates_or_never_does() -> None:
    rng = Random(1)
    for _ in range(50):
        usual = [c in "aeiou" for c in nonsense(rng, 5, vowelled=True)]
        assert all(a != b for a, b in pairwise(usual))
        assert not any(c in "aeiou" for c in nonsense(rng, 5, vowelled=False))
