from __future__ import annotations

import numpy as np
import pytest

from bench.metrics.uniformity import distance, levels, path
from bench.stats.norms import normed


def test_distance_is_that_of_scipy() -> None:
    from scipy.stats import kstest

    values = np.random.default_rng(0).random(80) ** 1.3
    weights = np.vstack([np.ones(80), np.random.default_rng(1).integers(0, 3, 80)]).astype(np.float64)
    found = distance(levels(values), weights)
    assert found[0] == pytest.approx(kstest(values, "uniform").statistic)
    assert found[1] == pytest.approx(kstest(np.repeat(values, weights[1].astype(int)), "uniform").statistic)


def test_rows_of_several_values_weigh_as_often_as_they_are_repeated() -> None:
    rng = np.random.default_rng(0)
    lengths = np.array([3, 0, 1, 4, 2])
    values = np.round(rng.random(lengths.sum()), 1)
    weights = np.array([[1.0, 1, 1, 1, 1], [2, 3, 0, 1, 1]])
    found = levels(values, np.concatenate([[0], np.cumsum(lengths)]))
    for row, w in zip(distance(found, weights), weights, strict=True):
        each = np.repeat(w, lengths).astype(int)
        assert row == pytest.approx(distance(levels(np.repeat(values, each)), np.ones((1, each.sum())))[0])
    # In the middles of its steps a distribution is nearer than at their ends, by half a step at most.
    middles = normed(path(found).gaps(weights), "max")
    assert (middles <= distance(found, weights)).all()
    assert (middles >= distance(found, weights) - 0.3).all()
