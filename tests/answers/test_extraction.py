"""Answers read from text: what is let through, what is not, and why."""

from __future__ import annotations

import time

import pytest

from bench.answers.extraction import LETTER, NUMERIC, account, number, words


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2 + 2 = 4. So 4.", "4"),
        ("... so we get\n#### 1,234", "1234"),
        ("The answer is $12.50.", "12.5"),
        ("The final answer is: -7", "-7"),
        (r"hence \boxed{42}.", "42"),
        ("So 3. No, wait. So 5.", "5"),
        ("So 007", "7"),
        ("So 0.", "0"),
        ("So -0.", "0"),
        ("The answer is 18 dollars.", "18"),
        ("The answer is 18", "18"),
        ("So 4 apples", "4"),
        ("So 12a", None),
        ("So 1.2.3", None),
        ("four", None),
        ("4", None),
        ("So four.", None),
        ("", None),
        ("So ４.", None),  # a full-width digit is not an ASCII one
        ("So __import__('os').system('true')", None),
    ],
)
def test_numbers(text: str, answer: str | None) -> None:
    assert NUMERIC(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is (B).", "B"),
        ("Answer: c", None),
        ("the answer is A", "A"),
        ("The answer is Argon", None),
        ("The answer is a dog's", None),
        ("B", None),
    ],
)
def test_letters(text: str, answer: str | None) -> None:
    assert LETTER(text) == answer


def test_words() -> None:
    reader = words("yes", "no", "unknown")
    assert reader(" Yes.") == "yes"
    assert reader("It follows. So unknown.") == "unknown"
    assert reader("perhaps") is None


def test_account_says_what_failed() -> None:
    texts = ["So 4.", "", "I cannot say", "So ?", "So 5"]
    assert account(texts, NUMERIC) == {"read": 2, "empty": 1, "no-marker": 2, "malformed": 0}
    assert account(["maybe", "So maybe"], words("yes")) == {"read": 0, "empty": 0, "no-marker": 0, "malformed": 2}


def test_spellings_of_a_number() -> None:
    assert [number(text) for text in ("+1,000.50", "$ 3", "40%", "-0.0", "000")] == ["1000.5", "3", "40", "0", "0"]


def test_long_and_hostile_texts_take_no_time() -> None:
    start = time.process_time()
    for text in ("So " * 100_000, "9" * 200_000, "So 1," * 50_000, "\\boxed{" * 50_000, "the answer is " * 50_000):
        for reader in (NUMERIC, LETTER, words("yes")):
            reader(text)
    assert time.process_time() - start < 2
