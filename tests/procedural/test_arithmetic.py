"""Arithmetic items against an evaluation that knows nothing of the generator."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from bench.procedural import items


def evaluate(expression: str) -> Fraction:
    """The value of sums and products by the usual precedence: split at the lowest operator first."""
    for sign in ("+", "-"):
        # The last + or - binds loosest; whichever of the two comes last is the top of the tree.
        last = max(expression.rfind(" + "), expression.rfind(" - "))
        if last >= 0 and expression[last + 1] == sign:
            left, right = evaluate(expression[:last]), evaluate(expression[last + 3 :])
            return left + right if sign == "+" else left - right
    if " * " in expression:
        left_text, right_text = expression.rsplit(" * ", 1)
        return evaluate(left_text) * evaluate(right_text)
    return Fraction(expression)


@pytest.mark.parametrize("difficulty", [1, 2, 3, 4])
def test_answers_and_steps_are_right(difficulty: int) -> None:
    for item in items("arithmetic", 150, 11, "test", difficulty):
        question = item.prompt.removeprefix("Q: ").removesuffix(" = ?\nA:")
        assert len(re.findall(r"[-+*]", question)) == difficulty
        assert evaluate(question) == int(item.answer)
        *steps, last = item.solution.strip().rstrip(".").split(". ")
        assert last == f"So {item.answer}"
        assert len(steps) == difficulty
        for step in steps:
            left, right = step.split(" = ")
            assert evaluate(left) == int(right)
            assert 0 <= int(right) <= 298
        assert steps[-1].endswith(f"= {item.answer}")
