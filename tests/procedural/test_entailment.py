"""The prover by hand and against sympy, and translations that cannot be read."""

from __future__ import annotations

from random import Random

import pytest
import sympy
from sympy.logic.inference import satisfiable

from bench.procedural.entailment import (
    ANSWERS,
    Fact,
    Rule,
    Theory,
    consistent,
    draw,
    formula,
    ground,
    prove,
    read_formula,
    say,
)  # fmt: skip
from bench.tasks.reasoning.entailment import failures, proved

THEORY = Theory(
    (Fact("Ann", "kind"), Fact("Bo", "tall", holds=False)),
    (Rule((("kind", True),), ("rich", True)), Rule((("rich", True), ("tall", False)), ("calm", False))),
    ("Ann", "Bo"),
)


def test_by_hand() -> None:
    assert prove(THEORY, Fact("Ann", "rich")) == "true"
    assert prove(THEORY, Fact("Ann", "rich", holds=False)) == "false"
    assert prove(THEORY, Fact("Ann", "calm")) == "unknown"
    assert prove(THEORY, Fact("Bo", "tall")) == "false"
    assert prove(THEORY, Fact("Bo", "kind")) == "unknown"
    both = Theory((Fact("Ann", "kind"), Fact("Ann", "kind", holds=False)), (), ("Ann",))
    with pytest.raises(ValueError, match="contradict"):
        prove(both, Fact("Ann", "tall"))


def test_contraposition_and_cases() -> None:
    # Not rich, so not kind; and tall either way.
    theory = Theory(
        (Fact("Ann", "rich", holds=False),),
        (
            Rule((("kind", True),), ("rich", True)),
            Rule((("wise", True),), ("tall", True)),
            Rule((("wise", False),), ("tall", True)),
        ),
        ("Ann",),
    )
    assert prove(theory, Fact("Ann", "kind")) == "false"
    assert prove(theory, Fact("Ann", "tall")) == "true"


def test_consistency_is_sympy_s() -> None:
    rng = Random(0)
    for k in range(60):
        theory, _ = draw(rng, 1 + k % 3, ANSWERS[k % 3], extra=3)
        clauses = ground(theory)
        clauses += [
            frozenset({("Ann", trait, rng.random() < 0.5)}) for trait in rng.sample(("kind", "tall", "rich"), 2)
        ]
        expression = sympy.And(
            *(sympy.Or(*(sympy.Symbol(p + t) if s else ~sympy.Symbol(p + t) for p, t, s in c)) for c in clauses)
        )
        assert consistent(clauses) == (satisfiable(expression) is not False)


def test_words_and_formulas() -> None:
    rule = THEORY.rules[1]
    assert say(rule) == "Everyone who is rich and not tall is not calm."
    assert formula(rule) == "all x. (Rich(x) & -Tall(x) -> -Calm(x))"
    assert read_formula("all y . ( Rich( y ) & - Tall(y) -> -Calm(y) )") == rule
    for text in ("", "Kind(Ann", "all x. (Kind(x))", "all x. (Kind(y) -> Rich(x))", "exists x. Kind(x)", "K" * 1000):
        with pytest.raises(ValueError, match=r"no atom|too long|variable"):
            read_formula(text)


def test_answers_of_texts() -> None:
    text = "Kind(Ann)\nall x. (Kind(x) -> Rich(x))\nclaim: Rich(Ann)"
    assert proved(text) == "true"
    assert proved(text.replace("claim: ", "claim: -")) == "false"
    assert proved("Kind(Ann)") is None
    assert proved("Kind(Ann)\n-Kind(Ann)\nclaim: Rich(Ann)") is None
    assert proved("Kind(Ann)\n" * 500 + "claim: Rich(Ann)") is None
    counts = failures([text, "Kind(Ann)", "nonsense\nclaim: Rich(Ann)", "Kind(Ann)\n-Kind(Ann)\nclaim: Rich(Ann)"])
    assert counts[""] == 1
    assert counts["no atom"] == 1
    assert sum(counts.values()) == 4
