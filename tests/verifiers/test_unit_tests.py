"""Programs judged by the tests that their questions show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.decisions import Prompt
from bench.errors import UsageError
from bench.field.code import read_code
from bench.language import Generated
from bench.verifiers.unit_tests import shown_tests, unit_tests

COMPLETED = 'def double(x):\n    """Twice.\n\n    >>> double(2)\n    4\n    >>> double("a")\n    \'aa\'\n    """\n'
ASKED = '"""\nDouble it.\nIt must pass these tests:\nassert double(2) == 4\n"""\n'
MODEL: Any = None


def judged(prompt: str, *texts: str, whole: bool = True) -> list[float]:
    made = [Generated(text, np.zeros(0, dtype=np.int64), np.zeros(0), stopped=True) for text in texts]
    asked = Prompt("p", prompt, read_code, (), 64)
    return unit_tests(MODEL, [asked] * len(texts), made, whole=whole).scores.tolist()


def test_assertions_and_examples_are_read() -> None:
    assert shown_tests(COMPLETED) == "assert (double(2)) == (4)\nassert (double(\"a\")) == ('aa')"
    assert shown_tests(ASKED) == "assert double(2) == 4"
    assert shown_tests("assert that he is right.\n>>> for x in y:\n") == ""


def test_programs_pass_what_is_shown() -> None:
    assert judged(COMPLETED, "    return 2 * x", "    return 4", "    return x +") == [1, 0, 0]
    assert judged(ASKED, "def double(x):\n    return 2 * x", "import os; os._exit(0)") == [1, 0]
    assert judged(ASKED, "anything", whole=False) == [0.5]


def test_questions_without_tests_are_refused() -> None:
    with pytest.raises(UsageError, match="can't judge this task"):
        judged("What is 2 + 2?", "4")
