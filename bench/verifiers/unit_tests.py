"""A verifier of programs: the examples and tests that the question itself shows."""

from __future__ import annotations

import ast
import doctest
from collections.abc import Sequence

import numpy as np

from bench.components import verifier
from bench.decisions import Judgement, Prompt
from bench.errors import UsageError
from bench.language import Generated, LanguageModel
from bench.sandbox import Tests, passes


@verifier(
    "unit-tests",
    source="Li et al. 2022, Competition-Level Code Generation with AlphaCode (filtering by the tests shown)",
    check="reasoning/sandbox",
)
def unit_tests(_: LanguageModel, prompts: Sequence[Prompt], texts: Sequence[Generated], *, whole: bool) -> Judgement:
    """1 for a program that passes the assertions and doctest examples shown in its prompt, else 0; ½ under way.

    They run in the sandbox, apart from the program.  It doesn't see the hidden tests of a task; `exact` does.
    """
    if not whole:
        return Judgement.free(np.full(len(texts), 0.5))
    shown = {prompt.text: shown_tests(prompt.text) for prompt in prompts}
    if not all(shown.values()):
        raise UsageError(
            "verifier 'unit-tests' can't judge this task",
            cause="a prompt shows neither assertions nor doctest examples",
            fix="take another: bench list verifiers",
        )
    scores = []
    for prompt, text in zip(prompts, texts, strict=True):
        answer = prompt.extract(text.text)
        # A completion goes on from its prompt; a prompt that is a question in words stands before a whole program.
        scores.append(
            answer is not None
            and any(passes(program, Tests(shown[prompt.text])) for program in (f"{prompt.text}{answer}", answer))
        )
    return Judgement.free(np.array(scores, dtype=np.float64))


def shown_tests(text: str) -> str:
    """The tests that a text shows, as Python: lines of assertions, and examples of a session with what they print."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("assert ")]
    tests = [line for line in lines if _reads(line)]
    try:
        examples = doctest.DocTestParser().get_examples(text)
    except ValueError:
        examples = []
    for example in examples:
        # What ends the docstring is no part of what the last example prints.
        printed = [line for line in example.want.splitlines() if line.strip() not in ('"""', "'''")]
        source, wanted = example.source.strip(), "\n".join(printed).strip()
        if wanted and _reads(f"({source}) == ({wanted})"):
            tests.append(f"assert ({source}) == ({wanted})")
    return "\n".join(tests)


def _reads(line: str) -> bool:
    try:
        ast.parse(line)
    except (SyntaxError, ValueError):
        return False
    return True
