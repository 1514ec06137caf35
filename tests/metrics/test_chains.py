"""Entropy along chains: slopes and AUROC against scipy and scikit-learn."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy.stats import linregress
from sklearn.metrics import roc_auc_score

from bench.arrays import Ints, Ragged
from bench.components import Metric, NotApplicable
from bench.metrics.chains import length_auroc, reductions, slopes, step_utilities
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


def _chains(tokens: Ints, right: Ints) -> Chains:
    n = len(tokens)
    column = Ragged(np.ones(n), np.arange(n + 1))
    return Chains(
        ids=np.arange(n).astype(np.str_), entropy=column, nll=column, correct=right == 1, tokens=tokens,
        text=np.full(n, "", dtype=object),
    )  # fmt: skip


def test_auroc_is_scikit_learn_s_with_weights_and_ties() -> None:
    rng = np.random.default_rng(1)
    scores, right = rng.integers(0, 6, 80), rng.integers(0, 2, 80)
    w = np.stack([np.ones(80), rng.integers(0, 4, 80).astype(float)])
    expected = [roc_auc_score(right, scores, sample_weight=row) for row in w]
    np.testing.assert_allclose(length_auroc(_chains(scores, right), w), expected, atol=1e-12)


def test_auroc_of_many_chains_takes_no_square_of_them() -> None:
    rng = np.random.default_rng(2)
    n = 30_000
    record = _chains(rng.permutation(n), rng.integers(0, 2, n))
    tracemalloc.start()
    length_auroc(record, np.ones((1, n)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1000 * n  # a table of all pairs takes 240,000 bytes a chain


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
