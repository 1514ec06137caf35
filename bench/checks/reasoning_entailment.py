"""The prover against every interpretation, and laws that any prover must obey."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from bench.components import Truth, check
from bench.procedural.entailment import ANSWERS, Fact, Theory, by_models, draw, formula, prove, read_formula
from bench.tasks.reasoning.entailment import PAPERS, SOURCE, proved


@check("reasoning/entailment", area="reasoning", source=SOURCE, papers=PAPERS)
def entailment() -> list[Truth]:
    """Labels by finite models; a negated claim; another order of the premises; other names; formulas read back."""
    rng = Random("entailment")
    drawn = [(*draw(rng, depth, label), label) for depth in (1, 2, 3) for label in ANSWERS for _ in range(12)]
    small = [(_of(theory, claim), claim) for theory, claim, _ in drawn]
    flipped = {"true": "false", "false": "true", "unknown": "unknown"}
    wrong = {"models": 0, "negation": 0, "order": 0, "names": 0, "formulas": 0, "text": 0}
    for (theory, claim, label), (part, _) in zip(drawn, small, strict=True):
        wrong["models"] += by_models(part, claim) != prove(part, claim)
        wrong["negation"] += prove(theory, replace(claim, holds=not claim.holds)) != flipped[label]
        moved = replace(theory, facts=theory.facts[::-1], rules=theory.rules[::-1], people=theory.people[::-1])
        wrong["order"] += prove(moved, claim) != label
        wrong["names"] += prove(_renamed(theory), replace(claim, person=f"{claim.person}x")) != label
        premises = theory.premises
        wrong["formulas"] += sum(read_formula(formula(premise)) != premise for premise in premises)
        text = "\n".join([*map(formula, premises), f"claim: {formula(claim)}"])
        wrong["text"] += proved(text) != label
    return [Truth(0, count, 0, f"{len(drawn)} theories: {name}") for name, count in wrong.items()]


def _of(theory: Theory, claim: Fact) -> Theory:
    """What speaks of the person asked about: over the other people a unary theory says nothing of that one."""
    return Theory(tuple(f for f in theory.facts if f.person == claim.person), theory.rules, (claim.person,))


def _renamed(theory: Theory) -> Theory:
    facts = tuple(replace(fact, person=f"{fact.person}x") for fact in theory.facts)
    return replace(theory, facts=facts, people=tuple(f"{person}x" for person in theory.people))
