"""Deterministic text tasks whose difficulty ought not to hang on how probable their input, output or rule is.

After McCoy et al. 2023 (Embers of Autoregression).  Every task is a bijection or a function that a few lines compute,
crossed with outputs of high probability (an English sentence) and low (its words in another order), and with a common
and a rare form of the same rule (rot-13 and rot-2; Fahrenheit and nearly Fahrenheit).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from string import ascii_lowercase

VOWELS = "aeiou"
WORDS = {
    "subject": ("teacher", "farmer", "doctor", "child", "neighbor", "king", "driver", "sailor", "painter", "judge"),
    "verb": ("opened", "found", "watched", "carried", "painted", "bought", "remembered", "followed", "cleaned", "lost"),
    "adjective": ("old", "red", "small", "heavy", "broken", "quiet", "new", "wooden", "bright", "empty"),
    "object": ("door", "boat", "letter", "house", "table", "garden", "window", "horse", "bridge", "basket"),
    "time": ("yesterday", "today", "again", "slowly", "twice", "early", "alone", "together", "outside", "gladly"),
}


@dataclass(frozen=True)
class Rule:
    """A function of text: its name, how it is asked for, and the function.

    common: whether text on the web does this often.  words: whether its output is words, whose order may be unlikely.
    """

    name: str
    ask: str
    apply: Callable[[str], str]
    common: bool
    words: bool = True


@dataclass(frozen=True)
class Ember:
    """One question with its answer.  likely: whether the output is a sentence."""

    rule: str
    question: str
    answer: str
    common: bool
    likely: bool


def sentence(rng: Random) -> str:
    """Seven lower-case words without a full stop, in the order of English."""
    w = {slot: rng.choice(words) for slot, words in WORDS.items()}
    return f"the {w['subject']} {w['verb']} the {w['adjective']} {w['object']} {w['time']}"


def scrambled(rng: Random, text: str) -> str:
    """The same words in an order in which no two neighbours stay neighbours where they can be kept apart."""
    words = text.split()
    best = words
    for _ in range(20):
        tried = rng.sample(words, len(words))
        best = min(best, tried, key=lambda some: _kept(words, some))
    return " ".join(best)


def _kept(words: list[str], some: list[str]) -> int:
    pairs = set(pairwise(words))
    return sum(pair in pairs for pair in pairwise(some))


def rotate(text: str, shift: int) -> str:
    """Each lower-case letter moved `shift` places along the alphabet; the rest stays."""
    return "".join(
        ascii_lowercase[(ascii_lowercase.index(c) + shift) % 26] if c in ascii_lowercase else c for c in text
    )


def reverse_words(text: str) -> str:
    """The words in the opposite order: its own inverse."""
    return " ".join(reversed(text.split()))


def pig_latin(text: str, suffix: str = "ay") -> str:
    """Each word's first consonants moved to its end, and a suffix; a word with a vowel first gets a hyphen."""
    out = []
    for word in text.split():
        head = next((i for i, c in enumerate(word) if c in VOWELS), len(word))
        out.append(f"{word[head:]}-{word[:head]}{suffix}")
    return " ".join(out)


def from_pig_latin(text: str, suffix: str = "ay") -> str:
    """The inverse of `pig_latin`."""
    out = []
    for word in text.split():
        tail, _, head = word.partition("-")
        out.append(head.removesuffix(suffix) + tail)
    return " ".join(out)


# The input of a rule is made from the output that is wanted: `invert` of each is its exact inverse.
RULES: tuple[tuple[Rule, Callable[[str], str]], ...] = (
    (
        Rule("rot-13", "Decode this text, in which each letter was moved 13 places along the alphabet:",
             lambda t: rotate(t, -13), common=True),
        lambda t: rotate(t, 13),
    ),
    (
        Rule("rot-2", "Decode this text, in which each letter was moved 2 places along the alphabet:",
             lambda t: rotate(t, -2), common=False),
        lambda t: rotate(t, 2),
    ),
    (Rule("reversal", "Write these words in the opposite order:", reverse_words, common=True), reverse_words),
    (
        Rule("pig-latin", "Decode this text, in which the first consonants of a word follow a hyphen, then 'ay':",
             from_pig_latin, common=True),
        pig_latin,
    ),
    (
        Rule("boar-etruscan", "Decode this text, in which the first consonants of a word follow a hyphen, then 'uv':",
             lambda t: from_pig_latin(t, "uv"), common=False),
        lambda t: pig_latin(t, "uv"),
    ),
)  # fmt: skip


def draw(rng: Random, rule: int, likely: bool) -> Ember:
    """One question under that rule, whose answer is a sentence or the words of one in another order."""
    chosen, invert = RULES[rule]
    target = sentence(rng)
    if not likely:
        target = scrambled(rng, target)
    given = invert(target)
    return Ember(chosen.name, f"{chosen.ask} {given}", target, chosen.common, likely)


def linear(rng: Random, common: bool) -> Ember:
    """Multiply by 9/5 and add 32, or by 7/5 and add 31: as easy, and met far less often."""
    factor, offset = (9, 32) if common else (7, 31)
    number = 5 * rng.randint(2, 150)
    name = "fahrenheit" if common else "near-fahrenheit"
    answer = number * factor // 5 + offset
    return Ember(name, f"Multiply {number} by {factor}/5 and add {offset}.", str(answer), common, likely=True)


def counted(rng: Random, common: bool) -> Ember:
    """How many letters a row holds: a common number (10, 20, ... 50) or its neighbour."""
    count = 10 * rng.randint(1, 5) - (0 if common else rng.choice((1, -1)))
    letter = rng.choice(ascii_lowercase)
    question = f"How many letters are in this row? {letter * count}"
    return Ember("counting", question, str(count), common, likely=common)


def nonsense(rng: Random, length: int, vowelled: bool) -> str:
    """A made-up word whose letters alternate between consonants and vowels, as the embedded models' do, or never do."""
    consonants = "bcdfghjklmnprstvwz"
    if vowelled:
        start = rng.randrange(2)
        return "".join(rng.choice((consonants, VOWELS)[(start + i) % 2]) for i in range(length))
    return "".join(rng.choice(consonants) for _ in range(length))
