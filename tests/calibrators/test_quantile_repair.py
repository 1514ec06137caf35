from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibrators.quantile_repair import (
    best_weights,
    isotonic,
    quantile_isotonic,
    quantile_sort,
    quantile_weights,
)
from bench.components import NotApplicable
from bench.metrics.regression import pinball
from bench.records import Regression
from tests.metrics.cases import ids, regression

LEVELS = (0.05, 0.2, 0.5, 0.7, 0.95)


def crossed(seed: int, n: int = 30, scale: float = 1.0) -> Regression:
    rng = np.random.default_rng(seed)
    return Regression(
        ids=ids(n), y=scale * rng.normal(size=n), quantiles=scale * rng.normal(size=(n, 5)), levels=LEVELS
    )


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.sampled_from([1e-8, 1.0, 1e8]))
def test_repair_orders_and_never_raises_a_loss(seed: int, scale: float) -> None:
    record = crossed(seed, scale=scale)
    for repair in (quantile_sort, quantile_isotonic):
        mended = repair(record).apply(record)
        assert mended.quantiles is not None
        assert (np.diff(mended.quantiles, axis=1) >= 0).all()
        assert (pinball(mended).values <= pinball(record).values + 1e-12 * scale).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 12), st.integers(0, 10_000))
def test_pooling_against_scikit_learn(width: int, seed: int) -> None:
    from sklearn.isotonic import isotonic_regression

    values = np.random.default_rng(seed).integers(-3, 4, (5, width)) + 1e6
    expected = np.stack([isotonic_regression(row.astype(float)) for row in values])
    np.testing.assert_allclose(isotonic(values.astype(float)), expected, atol=1e-8)


def test_what_is_in_order_is_left_alone() -> None:
    record = regression("quantiles")
    for repair in (quantile_sort, quantile_isotonic):
        with pytest.raises(NotApplicable):
            repair(record).apply(record)
        with pytest.raises(NotApplicable):
            repair(record).apply(regression("gaussian"))
    row = np.array([[0.1, 0.1 + 1e-16, 1 / 3, 1e300]])
    np.testing.assert_array_equal(isotonic(row), row)


def members(seed: int, n: int = 80) -> Regression:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n)
    from scipy.stats import norm

    centre = y + rng.normal(size=n)
    each = [centre[:, None] * share + spread * norm.ppf(LEVELS) for share, spread in ((0.5, 0.7), (1, 2), (0, 1))]
    stacked = np.stack(each, axis=1)
    return Regression(ids=ids(n), y=y, quantiles=stacked.mean(axis=1), member_quantiles=stacked, levels=LEVELS)


def test_no_weights_of_a_grid_are_better() -> None:
    record = members(0)
    assert record.member_quantiles is not None
    for k, level in enumerate(LEVELS):
        each = record.member_quantiles[:, :, k]
        found = best_weights(each, record.y, level, np.ones(80))
        assert found.sum() == pytest.approx(1)
        grid = [(a / 20, b / 20, 1 - (a + b) / 20) for a in range(21) for b in range(21 - a)]

        def loss(w: np.ndarray, each: np.ndarray = each, level: float = level) -> float:
            gap = record.y - each @ w
            return float(np.maximum(level * gap, (level - 1) * gap).mean())

        assert loss(found) <= min(loss(np.array(w)) for w in grid) + 1e-9


def test_rows_weigh_as_often_as_they_are_repeated() -> None:
    record = members(1, 30)
    w = np.random.default_rng(0).integers(0, 3, 30)
    rows = np.repeat(np.arange(30), w)
    repeated = replace(record.take(rows), ids=ids(len(rows)))
    weighted = replace(record, weights=w.astype(float))
    after = [quantile_weights(one).apply(members(2)) for one in (repeated, weighted)]
    np.testing.assert_allclose(after[0].quantiles, after[1].quantiles, atol=1e-8)


def test_joined_members_forecast_better_than_their_mean() -> None:
    calibration = quantile_weights(members(3, 400))
    test = members(4, 400)
    after = calibration.apply(test)
    assert pinball(after).values.mean() < pinball(test).values.mean()
    assert after.member_quantiles is None
    with pytest.raises(NotApplicable):
        quantile_weights(crossed(0))
