"""Answers that are one in different spellings, and what an evil one cannot do."""

from __future__ import annotations

import time

import pytest

from bench.answers import equivalence
from bench.answers.equivalence import boxed, same, tidy


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (r"so \boxed{42}", "42"),
        (r"\boxed{\frac{1}{2}} and \boxed{\sqrt{x^{2}}}.", r"\sqrt{x^{2}}"),
        (r"\fbox{7}", "7"),
        (r"\boxed{1", None),
        (r"\boxed{}", None),
        ("42", None),
    ],
)
def test_boxed(text: str, inside: str | None) -> None:
    assert boxed(text) == inside


def test_tidied_answers_need_no_judge() -> None:
    assert tidy(r"$\left(1,\,2\right).$") == "(1,2)"
    assert same(r"\dfrac{1}{2}", r"\frac{1}{2}")
    assert not same("", "")
    assert not same("x" * 500, "y")


@pytest.mark.parametrize(
    ("answer", "target", "equal"),
    [
        ("0.5", r"\frac{1}{2}", True),
        ("1,000", "1000", True),
        (r"x+1", "1+x", True),
        (r"2\sqrt{2}", r"\sqrt{8}", True),
        ("0.33", r"\frac{1}{3}", False),
        ("7", "8", False),
        (r"(1,2)", "(2,1)", False),
        (r"\text{nonsense", "4", False),
        ("__import__('os').system('true')", "0", False),
    ],
)
def test_judged(answer: str, target: str, equal: bool) -> None:
    pytest.importorskip("math_verify")
    assert same(answer, target) is equal


def test_endless_answers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("math_verify")
    monkeypatch.setattr(equivalence, "SECONDS", 2.0)
    started = time.monotonic()
    assert not same("9^{9^{9^{9}}}-9^{9^{9^{9}}}+1", "2")
    assert time.monotonic() - started < 60
    assert same("2/4", "0.5")  # another judge took the seat
