from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.metrics.cases import binary, point

ROWS = st.lists(st.tuples(st.sampled_from([0.5, 0.75, 0.875, 1.0]), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_ties_are_averaged_over_all_orders(rows: list[tuple[float, bool]]) -> None:
    confidence, wrong = np.array([r[0] for r in rows]), np.array([not r[1] for r in rows], dtype=float)
    n = len(rows)
    area, at_80 = [], []
    for order in itertools.permutations(range(n)):
        o = np.array(order)
        if (np.diff(confidence[o]) <= 0).all():
            errors = np.cumsum(wrong[o])
            area.append((errors / np.arange(1, n + 1)).mean())
            at_80.append(np.interp(0.8 * n, np.arange(n + 1), np.concatenate([[0], errors])) / (0.8 * n))
    record = binary(confidence, wrong == 0)
    assert point("aurc", record) == pytest.approx(np.mean(area), abs=1e-12)
    assert point("risk-at-80", record) == pytest.approx(np.mean(at_80), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(ROWS.filter(lambda rows: len({r[1] for r in rows}) == 2))
def test_augrc_is_auroc_and_accuracy(rows: list[tuple[float, bool]]) -> None:
    confidence, correct = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    a = correct.mean()
    expected = (1 - roc_auc_score(correct, confidence)) * a * (1 - a) + (1 - a) ** 2 / 2
    assert point("augrc", binary(confidence, correct)) == pytest.approx(expected, abs=1e-12)


def test_all_right_and_all_wrong() -> None:
    confidence = np.linspace(0.5, 1, 9)
    for right, expected in ((np.ones(9), (0, 0, 0, 0)), (np.zeros(9), (1, 0.5, 1, 0))):
        record = binary(confidence, right)
        found = [point(name, record) for name in ("aurc", "augrc", "risk-at-80", "e-aurc")]
        assert found == pytest.approx(expected, abs=1e-12)


def test_excess_is_what_the_best_order_would_save() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(50) < 0.7
    confidence = rng.permutation(np.linspace(0.5, 1, 50))
    best = binary(np.sort(confidence), np.sort(correct))
    record = binary(confidence, correct)
    assert point("e-aurc", record) == pytest.approx(point("aurc", record) - point("aurc", best), abs=1e-12)
