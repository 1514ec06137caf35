"""Random k-SAT near its phase transition, as rules in English, with the number of solutions by enumeration.

After Richardson and Sabharwal 2022 (Pushing the Limits of Rule Reasoning in Transformers through Natural Language
Satisfiability): random 3-SAT is hardest where about half of the formulas can be satisfied, near 4.26 clauses a variable
for many variables, and at more for few.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

import numpy as np

from bench.arrays import Bools

MOST = 20  # variables: all 2^n assignments are gone through

ADJECTIVES = (
    "blue", "big", "cold", "kind", "loud", "quick", "round", "rough", "young", "smart",
    "green", "heavy", "quiet", "rich", "sad", "tall", "warm", "weak", "wise", "calm",
)  # fmt: skip
NAME = "Bo"

Clause = tuple[int, ...]


@dataclass(frozen=True)
class Formula:
    """Clauses over variables 1 to n; a negative number is a negated variable (as in DIMACS)."""

    variables: int
    clauses: tuple[Clause, ...]

    @property
    def ratio(self) -> float:
        """Clauses a variable."""
        return len(self.clauses) / self.variables

    def models(self) -> int:
        """The number of assignments that satisfy all clauses, by enumeration."""
        return int(_satisfied(self).sum())


def _satisfied(formula: Formula) -> Bools:
    """Which of all assignments satisfy the formula, (2^n,)."""
    if formula.variables > MOST:
        raise ValueError(f"at most {MOST} variables are enumerated, not {formula.variables}")
    shape = (2,) * formula.variables
    out = np.ones(shape, dtype=np.bool_)
    for clause in formula.clauses:
        # The one corner of the cube, over the clause's variables, in which all of its literals are false.
        corner: list[int | slice] = [slice(None)] * formula.variables
        if any(-literal in clause for literal in clause):
            continue
        for literal in clause:
            corner[abs(literal) - 1] = int(literal < 0)
        out[tuple(corner)] = False
    return out.reshape(-1)


def draw_formula(rng: Random, variables: int, ratio: float, pairs: float = 0.0) -> Formula:
    """Uniform random clauses of three different variables; of two in a share `pairs` (2+p-SAT, p = 1 - pairs)."""
    if not 3 <= variables <= len(ADJECTIVES):
        raise ValueError(f"a formula has 3 to {len(ADJECTIVES)} variables, not {variables}")
    clauses = []
    for _ in range(round(ratio * variables)):
        chosen = rng.sample(range(1, variables + 1), 2 if rng.random() < pairs else 3)
        clauses.append(tuple(i if rng.random() < 0.5 else -i for i in chosen))
    return Formula(variables, tuple(clauses))


def threshold(variables: int) -> float:
    """Clauses a variable at which about half of random 3-SAT formulas of so few variables can be satisfied.

    4.26 in the limit; 7.4 / n was fitted to shares of satisfiable formulas for 5 to 16 variables, by enumeration.
    """
    return 4.26 + 7.4 / variables


def render(formula: Formula, rng: Random) -> str:
    """One rule a clause: a literal or two as conditions, the last as the consequence, in a random order."""
    rules = []
    for clause in formula.clauses:
        *conditions, consequence = rng.sample(clause, len(clause))
        said = " and ".join(_said(-literal) for literal in conditions)
        rules.append(f"If {said} then {_said(consequence)}.")
    return " ".join(rules)


def _said(literal: int) -> str:
    return f"{NAME} is {'not ' if literal < 0 else ''}{ADJECTIVES[abs(literal) - 1]}"


_RULE = re.compile(r"If (.+?) then (.+?)\.")
_LITERAL = re.compile(rf"{NAME} is (not )?(\w+)")


def parse(text: str) -> tuple[Clause, ...]:
    """The clauses of rendered rules, in their order; within a clause in the order of the words."""
    clauses = []
    for conditions, consequence in _RULE.findall(text):
        literals = [-_literal(part) for part in conditions.split(" and ")]
        clauses.append((*literals, _literal(consequence)))
    return tuple(clauses)


def _literal(text: str) -> int:
    found = _LITERAL.fullmatch(text)
    if found is None or found[2] not in ADJECTIVES:
        raise ValueError(f"'{text}' is no literal")
    i = ADJECTIVES.index(found[2]) + 1
    return -i if found[1] else i
