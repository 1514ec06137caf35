"""The checks of discrete and structured likelihoods pass, and each within a tolerance that says something."""

from __future__ import annotations

import pytest

from bench.components import Check
from bench.registry import components

FILES = {
    "masked",
    "circuits",
    "events",
    "preferences",
    "scaling",
    "simulators",
    "sbi_benchmark",
    "dequantisation",
    "documents",
    "provenance",
    "earth_mover",
    "sampled_criteria",
    "candidates",
    "integral",
    "copulas",
    "gaussian_process",
    "marginals",
    "exposure",
}
OURS = [c for c in components("check").values() if c.origin.split(":")[0].removeprefix("bench.checks.") in FILES]


@pytest.mark.parametrize("case", OURS, ids=lambda c: c.name)
def test_check_passes(case: Check) -> None:
    found = case.function()
    assert found
    for truth in found:
        assert truth.label
        assert truth.passed, truth
