from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.papers import hosted
from bench.registry import find

HOSTED = 13  # papers of which a check in `bench.checks.statistics_systems` is the system's own


def test_every_system_is_held_by_its_check() -> None:
    ours = [h for h in hosted() if h.kind == "check" and h.component.startswith("stats/")]
    assert len({h.paper for h in ours}) >= HOSTED
    assert all(h.check == h.component for h in ours)


def _scaled(function: Callable[..., Any], by: float) -> Callable[..., Any]:
    """The function with its first array of numbers off by a factor."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if isinstance(found, tuple):
            return (np.asarray(found[0]) * by, *(np.asarray(f) * by for f in found[1:]))
        return found * by

    return wrong


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ("stats/mcnemar-levels", "p_values"),
        ("stats/tango-limits", "ends"),
        ("stats/multiplicity-tables", "adjusted"),
        ("stats/delong-variance", "covariance"),
        ("stats/sign-flip-levels", "sign_flip"),
        ("stats/detectable", "power_of_t"),
        ("stats/betting-martingale", "log_wealth"),
        ("stats/crowd-bayes", "bayes"),
        ("stats/failure-search", "posterior"),
        ("stats/sensitivity-sampling", "chances"),
    ],
)
def test_a_wrong_statistic_fails_its_check(check: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = find("check", check).function.__globals__
    monkeypatch.setitem(module, name, _scaled(module[name], 0.95))
    assert not all(truth.passed for truth in find("check", check).function())
