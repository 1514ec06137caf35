"""The known-truth checks of likelihood estimators all pass."""

import pytest

from bench.checking import run, select

MODULES = ("flows", "latent", "annealing", "energies")
NAMES = [c.name for c in select((), ()) if c.function.__module__.removeprefix("bench.checks.likelihood_") in MODULES]


@pytest.mark.parametrize("name", NAMES)
def test_check_passes(name: str) -> None:
    outcomes = list(run(select((), (name,))))
    assert outcomes
    assert [o.as_text() for o in outcomes if not o.passed] == []
