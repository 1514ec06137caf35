"""The known-truth checks on arrays all pass."""

import pytest

from bench.checking import run, select

NAMES = [c.name for c in select((), ()) if c.function.__module__.startswith("bench.checks.arrays")]


@pytest.mark.parametrize("name", NAMES)
def test_check_passes(name: str) -> None:
    outcomes = list(run(select((), (name,))))
    assert outcomes
    assert [o.as_text() for o in outcomes if not o.passed] == []


def test_there_are_checks_in_each_area() -> None:
    areas = {c.area for c in select((), ()) if c.name in NAMES}
    assert areas >= {"likelihood", "calibration", "ood", "uncertainty"}
