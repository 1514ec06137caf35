"""Probabilistic worlds by hand, and rules of years at their boundaries."""

from __future__ import annotations

from random import Random

import pytest

from bench.procedural.history import HEAD, INVENTIONS, TAIL, Part, could_meet, could_use, pair, people
from bench.procedural.worlds import DOMAINS, Variable, outcomes, posterior, weighted


def test_two_coins() -> None:
    world = tuple(Variable(name, (0, 1), lambda _: (0.5, 0.5)) for name in "ab")
    assert posterior(world, lambda s: s["a"] + s["b"] == 2) == pytest.approx(0.25)
    assert posterior(world, lambda s: s["a"] == 1, [lambda s: s["a"] + s["b"] >= 1]) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="impossible"):
        posterior(world, lambda _: True, [lambda s: s["a"] == 7])


def test_weighted_draws_are_those_of_the_posterior() -> None:
    world = (
        Variable("cause", (0, 1), lambda _: (0.8, 0.2)),
        Variable("effect", (0, 1), lambda s: (0.3, 0.7) if s["cause"] else (0.9, 0.1)),
    )
    exact = posterior(world, lambda s: s["cause"] == 1, [lambda s: s["effect"] == 1])
    assert exact == pytest.approx(0.14 / 0.22)
    assert weighted(world, lambda s: s["cause"] == 1, {"effect": 1}, 5000, Random(0)) == pytest.approx(exact, abs=0.06)
    assert sum(p for _, p in outcomes(world)) == pytest.approx(1)


@pytest.mark.parametrize("domain", list(DOMAINS))
def test_stories_are_seeded_and_their_numbers_count(domain: str) -> None:
    told = [DOMAINS[domain](Random(seed)) for seed in range(12)]
    assert told[3] == DOMAINS[domain](Random(3))
    assert all(0 < one.answer < 1 for one in told)
    assert len({one.answer for one in told}) > 2
    assert any(abs(one.answer - one.prior) > 0.02 for one in told)


def test_rules_of_years() -> None:
    assert could_use((1700, 1800), 1785)
    assert could_use((1700, 1800), 1795) is None
    assert could_use((1700, 1800), 1815) is False
    assert could_meet((1700, 1780), (1720, 1800))
    assert could_meet((1700, 1750), (1770, 1800)) is False
    assert could_meet((1700, 1750), (1730, 1800)) is None


def test_pairs_hold_one_truth_and_one_falsehood() -> None:
    parts: tuple[Part, ...] = ("head", "tail")
    made = [pair(Random(0), part, name, rule) for part in parts for name in people(part) for rule in ("use", "meet")]
    full = [both for both in made if len(both) == 2]
    assert len(full) > 50
    assert all([one.true for one in both] == [True, False] for both in full)
    assert not set(HEAD) & set(TAIL)
    assert all(born < died for born, died in (HEAD | TAIL).values())
    assert len(INVENTIONS) == 16
