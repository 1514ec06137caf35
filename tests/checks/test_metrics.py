from __future__ import annotations

import numpy as np
import pytest

from bench.checks import cases
from bench.components import Check, Metric
from bench.records import Classification
from bench.registry import components, find

AREAS = ("metrics/", "stats/", "uncertainty/")
OURS = [c for name, c in components("check").items() if name.startswith(AREAS)]


@pytest.mark.parametrize("case", OURS, ids=lambda c: c.name)
def test_check_passes(case: Check) -> None:
    found = case.function()
    assert found
    for truth in found:
        assert truth.passed, truth
        assert truth.label
        assert truth.tolerance < 0.1 * max(1.0, abs(truth.truth)), truth


def test_named_checks_exist() -> None:
    known = components("check")
    for kind in ("metric", "score"):
        for component in components(kind).values():
            if component.origin.startswith(("bench.metrics", "bench.scores.uncertainty")) and component.check:
                assert component.check in known, component.name


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("brier", "metrics/brier-identity"),
        ("auroc", "metrics/auroc-two-gaussians"),
        ("aurc", "metrics/random-confidence"),
    ],
)
def test_a_wrong_metric_fails_its_check(name: str, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = cases.measured

    def wrong(which: str, record: object) -> float:
        return right(which, record) * (0.95 if which == name else 1.0)

    module = find("check", check).function.__globals__
    monkeypatch.setitem(module, "measured", wrong)
    assert not all(truth.passed for truth in find("check", check).function())


def test_undefined_values_pass_no_check() -> None:
    empty = Classification(ids=np.array([], dtype=np.str_), logits=np.zeros((0, 2)), labels=np.zeros(0, dtype=np.int64))
    assert isinstance(find("metric", "nll"), Metric)
    assert not cases.exact(0.0, cases.measured("nll", empty), "nothing").passed
