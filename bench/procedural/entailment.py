"""First-order entailment over a few people: facts and rules in plain English, formulas beside them, and a prover.

The theories are function-free, over a finite domain of named individuals and unary predicates, so that entailment is
decided by grounding: every rule `for all x: A(x) and ... -> B(x)` becomes one clause for each individual, and a claim
follows where its negation cannot be satisfied.  Labels are open-world: true, false, or unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from random import Random
from typing import Literal

PEOPLE = ("Ann", "Bo", "Cy", "Dee")
TRAITS = ("kind", "tall", "rich", "loud", "wise", "calm", "young", "proud")

Label = Literal["true", "false", "unknown"]
ANSWERS: tuple[Label, ...] = ("true", "false", "unknown")

Literal_ = tuple[str, bool]  # a trait, and whether it is had


@dataclass(frozen=True)
class Fact:
    """A person has a trait, or has it not."""

    person: str
    trait: str
    holds: bool = True


@dataclass(frozen=True)
class Rule:
    """Whoever has all of the conditions has the consequence."""

    conditions: tuple[Literal_, ...]
    consequence: Literal_


@dataclass(frozen=True)
class Theory:
    """Facts and rules, and the people that they speak of."""

    facts: tuple[Fact, ...]
    rules: tuple[Rule, ...]
    people: tuple[str, ...]

    @property
    def premises(self) -> list[Fact | Rule]:
        """Facts, then rules."""
        return [*self.facts, *self.rules]


def say(premise: Fact | Rule) -> str:
    """The premise in English."""
    if isinstance(premise, Fact):
        return f"{premise.person} is {_trait(premise.trait, premise.holds)}."
    conditions = " and ".join(_trait(*literal) for literal in premise.conditions)
    return f"Everyone who is {conditions} is {_trait(*premise.consequence)}."


def formula(premise: Fact | Rule) -> str:
    """The premise as a first-order formula in ASCII: `all x. (Kind(x) & -Tall(x) -> Rich(x))`."""
    if isinstance(premise, Fact):
        return _atom(premise.trait, premise.holds, premise.person)
    conditions = " & ".join(_atom(*literal, "x") for literal in premise.conditions)
    return f"all x. ({conditions} -> {_atom(*premise.consequence, 'x')})"


_FACT = re.compile(r"\s*(-?)\s*([A-Z][a-z]+)\(\s*([A-Za-z]+)\s*\)\s*")
_RULE = re.compile(r"\s*all\s+(\w+)\s*\.\s*\((.+)->(.+)\)\s*")


def read_formula(text: str) -> Fact | Rule:
    """The premise of a formula as `formula` writes it, whatever the variable's name; `ValueError` for any other."""
    if len(text) > 500:
        raise ValueError("the formula is too long")
    rule = _RULE.fullmatch(text)
    if rule is None:
        trait, holds, who = _read_atom(text)
        return Fact(who, trait, holds)
    variable, conditions, consequence = rule.groups()
    read = [_read_atom(part) for part in (*conditions.split("&"), consequence)]
    if any(who != variable for _, _, who in read):
        raise ValueError("a rule speaks of its variable alone")
    literals = [(trait, holds) for trait, holds, _ in read]
    return Rule(tuple(literals[:-1]), literals[-1])


def _read_atom(text: str) -> tuple[str, bool, str]:
    found = _FACT.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text.strip()[:60]}' is no atom")
    return found[2].lower(), not found[1], found[3]


def _trait(trait: str, holds: bool) -> str:
    return trait if holds else f"not {trait}"


def _atom(trait: str, holds: bool, who: str) -> str:
    return f"{'' if holds else '-'}{trait.capitalize()}({who})"


Clause = frozenset[tuple[str, str, bool]]  # literals: person, trait, sign


def ground(theory: Theory) -> list[Clause]:
    """One clause for each fact, and for each rule and person."""
    clauses: list[Clause] = [frozenset({(fact.person, fact.trait, fact.holds)}) for fact in theory.facts]
    for rule, person in product(theory.rules, theory.people):
        body = {(person, trait, not holds) for trait, holds in rule.conditions}
        clauses.append(frozenset(body | {(person, *rule.consequence)}))
    return clauses


def consistent(clauses: Sequence[Clause]) -> bool:
    """Whether the clauses have a model, by unit propagation and splitting."""
    left = list(clauses)
    while True:
        if any(not clause for clause in left):
            return False
        unit = next((clause for clause in left if len(clause) == 1), None)
        if unit is None:
            break
        left = _assume(left, next(iter(unit)))
    if not left:
        return True
    person, trait, sign = next(iter(sorted(left[0])))
    return any(consistent(_assume(left, (person, trait, side))) for side in (sign, not sign))


def _assume(clauses: Sequence[Clause], literal: tuple[str, str, bool]) -> list[Clause]:
    person, trait, sign = literal
    return [clause - {(person, trait, not sign)} for clause in clauses if literal not in clause]


def prove(theory: Theory, claim: Fact) -> Label:
    """Whether the claim follows, its negation does, or neither.  `ValueError` where the theory contradicts itself."""
    # No clause speaks of two people, so each can be judged alone.
    about: dict[str, list[Clause]] = {person: [] for person in (*theory.people, claim.person)}
    for clause in ground(theory):
        about[next(iter(clause))[0]].append(clause)
    if not all(consistent(clauses) for clauses in about.values()):
        raise ValueError("the premises contradict each other")
    own = about[claim.person]
    holds, fails = (
        not consistent([*own, frozenset({(claim.person, claim.trait, side)})])
        for side in (not claim.holds, claim.holds)
    )
    return "true" if holds else "false" if fails else "unknown"


def by_models(theory: Theory, claim: Fact) -> Label:
    """The same by going through every interpretation of the traits that are spoken of; for small theories."""
    said = {(p, t) for clause in ground(theory) for p, t, _ in clause} | {(claim.person, claim.trait)}
    values = {world[claim.person, claim.trait] == claim.holds for world in _models(theory, sorted(said))}
    if not values:
        raise ValueError("the premises contradict each other")
    return "true" if values == {True} else "false" if values == {False} else "unknown"


def _models(theory: Theory, atoms: list[tuple[str, str]]) -> Iterator[dict[tuple[str, str], bool]]:
    clauses = ground(theory)
    for values in product((False, True), repeat=len(atoms)):
        world = dict(zip(atoms, values, strict=True))
        if all(any(world[p, t] == sign for p, t, sign in clause) for clause in clauses):
            yield world


def draw(rng: Random, depth: int, wanted: Label, extra: int = 2) -> tuple[Theory, Fact]:
    """A theory and a claim with that label; a claim that is decided takes a chain of `depth` rules from one fact.

    extra: facts and rules that need not matter.  An unknown claim has a chain too, whose first fact is missing.
    """
    if not 1 <= depth < len(TRAITS):
        raise ValueError(f"the depth is 1 to {len(TRAITS) - 1}, not {depth}")
    while True:
        chain = rng.sample(TRAITS, depth + 1)
        signs = [rng.random() < 0.75 for _ in chain]
        literals = list(zip(chain, signs, strict=True))
        rules = [Rule((a,), b) for a, b in pairwise(literals)]
        people = tuple(rng.sample(PEOPLE, 3))
        facts = [Fact(people[0], *literals[0])] if wanted != "unknown" else []
        for _ in range(extra):
            facts.append(Fact(rng.choice(people[1:]), rng.choice(TRAITS), rng.random() < 0.75))
            some = rng.sample(TRAITS, 3)
            conditions = tuple((trait, rng.random() < 0.75) for trait in some[:2])
            rules.append(Rule(conditions, (some[2], rng.random() < 0.75)))
        rng.shuffle(facts)
        rng.shuffle(rules)
        theory = Theory(tuple(dict.fromkeys(facts)), tuple(rules), people)
        claim = Fact(people[0], chain[-1], signs[-1] if wanted != "false" else not signs[-1])
        if consistent(ground(theory)) and prove(theory, claim) == wanted:
            return theory, claim
