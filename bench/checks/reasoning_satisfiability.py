"""Satisfiability against a search that shares nothing with the enumeration, and the transition in its place."""

from __future__ import annotations

from itertools import product
from random import Random

from bench.components import Truth, check
from bench.procedural.satisfiability import Clause, Formula, draw_formula, parse, render, threshold


def searched(clauses: list[Clause]) -> bool:
    """Whether the clauses can be satisfied: Davis, Putnam, Logemann and Loveland, without any refinement."""
    if not clauses:
        return True
    if any(not clause for clause in clauses):
        return False
    unit = next((clause[0] for clause in clauses if len(clause) == 1), None)
    literal = clauses[0][0] if unit is None else unit
    return any(
        searched([tuple(x for x in clause if x != -side) for clause in clauses if side not in clause])
        for side in ((literal,) if unit is not None else (literal, -literal))
    )


@check("reasoning/satisfiability", area="reasoning", source="a DPLL search; counts over all assignments; round trips")
def satisfiable() -> list[Truth]:
    """400 formulas: labels, counts of solutions, and rules read back; and half of them satisfiable at the threshold."""
    rng = Random("satisfiability")
    formulas = [draw_formula(rng, n, threshold(n)) for n in (5, 8, 12, 16) for _ in range(100)]
    solvable = [formula.models() > 0 for formula in formulas]
    texts = [render(formula, rng) for formula in formulas]
    small = formulas[:30]
    near = [sum(solvable[i : i + 100]) for i in range(0, 400, 100)]
    easy = [draw_formula(rng, 12, 2.0).models() > 0 for _ in range(100)]
    hard = [draw_formula(rng, 12, 9.0).models() > 0 for _ in range(100)]
    return [
        Truth(0, sum(a != searched(list(f.clauses)) for a, f in zip(solvable, formulas, strict=True)), 0, "labels"),
        Truth(0, sum(_apart(parse(t), f) for t, f in zip(texts, formulas, strict=True)), 0, "rules read back"),
        Truth(sum(map(_counted, small)), sum(f.models() for f in small), 0, "solutions counted one by one"),
        # A share of 100 has a standard error of 5, and 4 of them are looked at.
        *(Truth(50, share, 18, f"% satisfiable, n = {n}") for n, share in zip((5, 8, 12, 16), near, strict=True)),
        Truth(100, sum(easy), 2, "% satisfiable at 2 clauses a variable"),
        Truth(0, sum(hard), 2, "% satisfiable at 9 clauses a variable"),
    ]


def _apart(clauses: tuple[Clause, ...], formula: Formula) -> bool:
    return [set(c) for c in clauses] != [set(c) for c in formula.clauses]


def _counted(formula: Formula) -> int:
    return sum(
        all(any(values[abs(x) - 1] == (x > 0) for x in clause) for clause in formula.clauses)
        for values in product((False, True), repeat=formula.variables)
    )
