"""Entropy along chains: slopes and AUROC against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import linregress
from sklearn.metrics import roc_auc_score

from bench.arrays import Ragged
from bench.components import Metric, NotApplicable
from bench.metrics.chains import auroc, reductions, slopes, step_utilities
from bench.records import Chains
from bench.registry import find
from bench.stats.intervals import value


def _rows(n: int = 40) -> list[list[float]]:
    rng = np.random.default_rng(0)
    return [rng.random(rng.integers(2, 7)).tolist() for _ in range(n)]


def test_slopes_are_those_of_a_regression() -> None:
    rows = _rows()
    expected = [linregress(np.arange(len(row)), row).slope for row in rows]
    np.testing.assert_allclose(slopes(Ragged.of(rows, np.float64)), expected, atol=1e-12)


def test_steps_add_up_to_the_reduction() -> None:
    column = Ragged.of([*_rows(), [0.3]], np.float64)
    np.testing.assert_allclose(step_utilities(column).sums(), reductions(column), atol=1e-12)
    assert step_utilities(column).lengths.tolist() == [len(column[i]) - 1 for i in range(len(column))]


def test_auroc_is_scikit_learn_s_with_weights_and_ties() -> None:
    rng = np.random.default_rng(1)
    scores, right = rng.integers(0, 6, 80).astype(float), rng.integers(0, 2, 80)
    w = np.stack([np.ones(80), rng.integers(0, 4, 80).astype(float)])
    expected = [roc_auc_score(right, scores, sample_weight=row) for row in w]
    np.testing.assert_allclose(auroc(scores, right.astype(float), w), expected, atol=1e-12)


def test_metrics_of_a_record() -> None:
    column = Ragged.of([[2.0, 1.0], [1.0, 1.5, 0.0]], np.float64)
    record = Chains(
        ids=np.array(["a", "b"]), entropy=column, nll=column, correct=np.array([True, False]),
        tokens=np.array([5, 9]), text=np.array(["x.", "y. z."], dtype=object),
    )  # fmt: skip
    names = ("entropy-reduction", "entropy-falls", "reduction-auroc", "length-auroc")
    assert [value(find(Metric, name), record) for name in names] == [1, pytest.approx(2 / 3), 0.5, 0]
    with pytest.raises(NotApplicable, match="all chains"):
        value(find(Metric, "slope-auroc"), record.take(np.array([0])))
