"""Random formulas: their labels against a solver, their transition, and their rules read back."""

from __future__ import annotations

from random import Random

import pytest

from bench.procedural.satisfiability import Formula, draw_formula, parse, render, threshold

solvers = pytest.importorskip("pysat.solvers", reason="python-sat is in the extra `peers`")


def _solvable(formula: Formula) -> bool:
    with solvers.Cadical153(bootstrap_with=[list(clause) for clause in formula.clauses]) as solver:
        return bool(solver.solve())


def test_labels_are_those_of_a_solver() -> None:
    rng = Random(0)
    formulas = [draw_formula(rng, n, threshold(n), pairs) for n in (4, 7, 10) for pairs in (0, 0.4) for _ in range(200)]
    assert [formula.models() > 0 for formula in formulas] == [_solvable(formula) for formula in formulas]


def test_one_hundred_variables_turn_near_the_known_ratio() -> None:
    rng = Random(1)

    def share(ratio: float) -> float:
        clauses = [[rng.sample(range(1, 101), 3) for _ in range(round(100 * ratio))] for _ in range(60)]
        formulas = [Formula(100, tuple(tuple(v * rng.choice((-1, 1)) for v in c) for c in cs)) for cs in clauses]
        return sum(map(_solvable, formulas)) / 60

    # The limit is 4.267; sixty formulas have a standard error of 6.5 points at one half.
    assert share(3.8) > 0.9
    assert 0.25 < share(threshold(100)) < 0.75
    assert share(4.8) < 0.1


def test_rules_round_trip_and_seeds_repeat() -> None:
    formula = draw_formula(Random(2), 9, 4.5)
    texts = [render(formula, Random(3)) for _ in range(2)]
    assert texts[0] == texts[1]
    assert [set(c) for c in parse(texts[0])] == [set(c) for c in formula.clauses]
    with pytest.raises(ValueError, match="no literal"):
        parse("If Bo is purple then Bo is big.")


def test_a_clause_excludes_its_corner() -> None:
    assert Formula(3, ((1, 2, 3),)).models() == 7
    assert Formula(3, ((1, -1, 2),)).models() == 8
    assert Formula(3, ((1,), (-1,))).models() == 0
    with pytest.raises(ValueError, match="enumerated"):
        Formula(21, ((1, 2, 3),)).models()
