"""Cipher items undone by an independent reading."""

from __future__ import annotations

import pytest

from bench.procedural import items
from bench.procedural.ciphers import rotate


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_answers_can_be_undone(difficulty: int) -> None:
    names = set()
    for item in items("ciphers", 80, 2, "test", difficulty):
        name, *rest = item.prompt.removeprefix("Q: ").removesuffix("\nA:").split(" ")
        word, answer = rest[-1].replace("-", ""), item.answer.replace("-", "")
        assert len(word) == len(answer) == difficulty + 2
        names.add(name)
        if name == "reverse":
            assert list(reversed(answer)) == list(word)
        else:
            assert all((ord(b) - ord(a)) % 26 == int(rest[0]) for a, b in zip(word, answer, strict=True))
    assert names == {"reverse", "shift"}


def test_rotation_wraps_from_z_to_a() -> None:
    assert rotate("xyz", 3) == "abc"
    assert rotate(rotate("hello", 3), 23) == "hello"
