"""The known-truth checks on calibration all pass."""

import pytest

from bench.checking import run, select

MODULES = ("bench.checks.calibration_", "bench.checks.calibrators")
NAMES = [c.name for c in select((), ()) if c.function.__module__.startswith(MODULES)]


@pytest.mark.parametrize("name", NAMES)
def test_check_passes(name: str) -> None:
    outcomes = list(run(select((), (name,))))
    assert outcomes
    assert [o.as_text() for o in outcomes if not o.passed] == []


def test_there_are_checks() -> None:
    assert len(NAMES) >= 17
