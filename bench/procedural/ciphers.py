"""Words spelled backwards or shifted along the alphabet, letter by letter."""

from __future__ import annotations

from random import Random
from string import ascii_lowercase

from bench.procedural.items import Item, check_difficulty, question_item

KIND = "ciphers"
DIFFICULTIES = 4
LARGEST_SHIFT = 3

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


def draw(rng: Random, difficulty: int) -> Item:
    """One made-up word of ``difficulty + 2`` letters, to be reversed or shifted by 1 to ``LARGEST_SHIFT``.

    The worked steps shift letter by letter (``c>d,a>b,t>u``), or put each letter before the last ones
    (``c,a-c,t-a-c``), so that every step looks at one letter and copies the rest.
    """
    check_difficulty(KIND, difficulty, DIFFICULTIES)
    start = rng.randrange(2)
    word = "".join(rng.choice((_CONSONANTS, _VOWELS)[(start + i) % 2]) for i in range(difficulty + 2))
    if rng.random() < 0.5:
        question, answer = f"reverse {spell(word)}", spell(word[::-1])
        steps = ",".join(spell(word[:end][::-1]) for end in range(1, len(word) + 1)) + "."
    else:
        shift = rng.randint(1, LARGEST_SHIFT)
        question, answer = f"shift {shift} {spell(word)}", spell(rotate(word, shift))
        steps = ",".join(f"{a}>{b}" for a, b in zip(word, rotate(word, shift), strict=True)) + "."
    return question_item(KIND, question, steps, answer, difficulty)


def spell(word: str) -> str:
    """The letters of a word with dashes between them, so that each is a token of its own."""
    return "-".join(word)


def rotate(word: str, shift: int) -> str:
    """Each lower-case letter moved ``shift`` places along the alphabet, from z on to a."""
    return "".join(ascii_lowercase[(ascii_lowercase.index(letter) + shift) % 26] for letter in word)
