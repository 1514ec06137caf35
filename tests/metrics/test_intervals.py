from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from scipy import stats

from bench.arrays import Floats
from bench.components import NotApplicable
from bench.metrics.intervals import crossing_rate, interval_coverage, interval_score, interval_width, wis
from bench.records import Regression
from tests.metrics.cases import ids, point, regression


def test_interval_score_against_a_peer() -> None:
    record = regression("interval", 100)
    np.testing.assert_allclose(
        interval_score(record).values,
        scoringrules.interval_score(record.y, record.lower, record.upper, 0.2),
        rtol=1e-12,
    )
    assert record.lower is not None
    assert record.upper is not None
    np.testing.assert_array_equal(
        interval_coverage(record).values, (record.lower <= record.y) & (record.y <= record.upper)
    )


def with_median(peer: Floats, y: Floats, median: Floats, count: int) -> Floats:
    """The peer (0.10) adds half the median itself where its formula has half of |y - median|."""
    return peer + 0.5 * (np.abs(y - median) - median) / (count + 0.5)


def test_weighted_interval_score_against_a_peer() -> None:
    record = regression("quantiles", 80)
    q, levels = record.quantiles, record.levels
    assert q is not None
    alphas = np.array([2 * level for level in levels[:3]])
    peer = scoringrules.weighted_interval_score(record.y, q[:, 3], q[:, :3], q[:, :3:-1], alphas)
    np.testing.assert_allclose(wis(record).values, with_median(peer, record.y, q[:, 3], 3), rtol=1e-10)


def test_weighted_interval_score_of_a_distribution() -> None:
    record = regression("gaussian", 50)
    assert record.mean is not None
    assert record.std is not None
    alphas = np.array([0.02, 0.05, *np.arange(1, 10) / 10])
    low = stats.norm.ppf(alphas / 2, record.mean[:, None], record.std[:, None])
    high = stats.norm.ppf(1 - alphas / 2, record.mean[:, None], record.std[:, None])
    peer = scoringrules.weighted_interval_score(record.y, record.mean, low, high, alphas)
    np.testing.assert_allclose(wis(record).values, with_median(peer, record.y, record.mean, 11), rtol=1e-10)


def test_levels_without_partners_have_no_interval_score() -> None:
    for levels in ((0.1, 0.9), (0.1, 0.5, 0.8)):
        quantiles = np.zeros((1, len(levels)))
        with pytest.raises(NotApplicable):
            wis(Regression(ids=ids(1), y=np.zeros(1), quantiles=quantiles, levels=levels))


def test_intervals_without_end_have_no_finite_width() -> None:
    record = Regression(
        ids=ids(2), y=np.zeros(2), lower=np.array([-np.inf, -1]), upper=np.array([np.inf, 1.0]), level=0.9
    )
    assert interval_width(record).values.tolist() == [np.inf, 2.0]
    assert point("interval-coverage", record) == 1
    assert point("coverage-90", record) == 1


def test_crossing_is_counted_by_row() -> None:
    record = Regression(
        ids=ids(4),
        y=np.zeros(4),
        quantiles=np.array([[0.0, 1, 2], [0, 0, 0], [0, 2, 1], [2, 1, 0]]),
        levels=(0.1, 0.5, 0.9),
    )
    assert crossing_rate(record).values.tolist() == [0, 0, 1, 1]
