"""The checks of decoders hold; some of them fail where a decoder is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.checks import aimed, chains, consistency, grammars, truncated, verified
from bench.components import Truth
from bench.decoders.power import log_ratio

QUICK = [
    consistency.pruning,
    consistency.errors,
    verified.adaptive,
    verified.crowd,
    verified.diverse,
    aimed.conditional,
    aimed.averages,
]
LONG = [
    consistency.consistency,
    verified.best,
    verified.guided,
    verified.early,
    verified.priorities,
    verified.refined,
    truncated.basis_aware,
    chains.power,
    chains.gibbs,
    grammars.aligned,
    grammars.rejection,
    aimed.drafted,
]


def failed(check: Callable[[], list[Truth]]) -> list[Truth]:
    truths = check()
    assert truths
    return [truth for truth in truths if not truth.passed]


@pytest.mark.parametrize("check", QUICK)
def test_the_checks_pass(check: Callable[[], list[Truth]]) -> None:
    assert failed(check) == []


@pytest.mark.slow
@pytest.mark.parametrize("check", LONG)
def test_the_long_checks_pass(check: Callable[[], list[Truth]]) -> None:
    assert failed(check) == []


def test_a_chain_that_forgets_its_proposal_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = log_ratio

    def careless(old: Any, new: Any, cut: int, power: float) -> float:
        return exact(old, new, cut, power) - sum(old.drawn[cut:]) + sum(new.drawn[cut:])

    monkeypatch.setattr("bench.checks.chains.log_ratio", careless)
    monkeypatch.setattr("bench.decoders.power.log_ratio", careless)
    assert any("imbalance" in truth.label for truth in failed(chains.power))


def test_a_weight_that_counts_one_pass_only_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.decoders import constrained

    exact = constrained.weigh
    monkeypatch.setattr(grammars, "weigh", lambda p, ok, stream: (exact(p, ok, stream)[0], 1.0))
    assert any("weight with token" in truth.label for truth in failed(grammars.rejection))
