from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.checks.circuits import random_tree
from bench.errors import EvaluationError
from bench.estimators.circuits import fitted
from bench.estimators.coding import TOTAL, code_lengths, counts_of, decoded, encoded
from bench.examples import Examples
from bench.models.circuits import hclt
from bench.models.discrete import categorical


def test_counts_keep_every_symbol() -> None:
    ends = counts_of(np.array([1.0, 0.0, 1e-30]))
    assert ends[0] == 0
    assert ends[-1] == TOTAL
    assert all(b > a for a, b in itertools.pairwise(ends))


def test_a_message_that_comes_back_changed_is_an_error() -> None:
    tree = random_tree()
    rows = np.zeros((1, 7), dtype=np.int64)

    def damaged(of: object, row: object) -> list[int]:
        return [1 - bit for bit in encoded(tree, rows[0])]

    with pytest.raises(EvaluationError, match="not decoded"):
        code_lengths(tree, rows, damaged)


def test_an_impossible_looking_row_is_coded_too() -> None:
    tree = random_tree(6, 3, 2, seed=2)
    tree.leaf[:] = np.where(tree.leaf == tree.leaf.max(axis=2, keepdims=True), 1.0, 1e-14)
    row = tree.leaf.argmin(axis=2)[:, 0]
    assert decoded(tree, encoded(tree, row)).tolist() == row.tolist()


def test_a_circuit_finds_what_independent_pixels_miss() -> None:
    draws = np.random.default_rng(0)
    kind = draws.integers(2, size=600)
    rows = (draws.random((600, 10)) < np.where(kind[:, None] == 0, 0.1, 0.9)).astype(np.float64)
    ids = np.array([f"r{i}" for i in range(600)])
    train = Examples(ids=ids[:500], inputs=rows[:500], levels=2)
    means = []
    for model in (hclt(states=4), hclt(states=4, coded=True), categorical()):
        model.fit(train, 0)
        means.append(model.density(rows[500:]).log_prob.mean())
    exact, coded, independent = means
    # Two kinds of rows, each of ten coins of .1: log 2 + 10 H(.1) = 3.94 nats; independent fair coins 6.93.
    assert exact == pytest.approx(-3.94, abs=0.35)
    assert independent == pytest.approx(-6.93, abs=0.1)
    assert -2 * np.log(2) < coded - exact < 0


def test_smoothing_keeps_states_that_nothing_came_to() -> None:
    tree, course = fitted(np.zeros((20, 3), dtype=np.int64), 2, 4, np.random.default_rng(0), smoothing=0.0)
    assert np.isfinite(course).all()
    assert np.exp(tree.log_prob(np.zeros((1, 3), dtype=np.int64)))[0] == pytest.approx(1)
