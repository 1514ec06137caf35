from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from scipy import stats

from bench.components import NotApplicable
from bench.forecasts.forms import quantile
from bench.metrics.coverage import coverage_90, interval_score_90, width_90
from bench.metrics.regression import crps, forecast_nll, mae, pinball, rmse
from bench.records import Regression
from tests.metrics.cases import ids, point, regression


def test_gaussian_scores_against_peers() -> None:
    record = regression("gaussian", 200)
    assert record.mean is not None
    assert record.std is not None
    np.testing.assert_allclose(
        crps(record).values, scoringrules.crps_normal(record.y, record.mean, record.std), rtol=1e-10
    )
    np.testing.assert_allclose(
        forecast_nll(record).values, -stats.norm.logpdf(record.y, record.mean, record.std), rtol=1e-10
    )
    low, high = stats.norm.interval(0.9, record.mean, record.std)
    np.testing.assert_allclose(
        interval_score_90(record).values, scoringrules.interval_score(record.y, low, high, 0.1), rtol=1e-10
    )
    z = (record.y - record.mean) / record.std
    assert point("pit-ks", record) == pytest.approx(stats.kstest(z, "norm").statistic)


def test_crps_of_samples_is_the_fair_form() -> None:
    record = regression("samples", 100)
    np.testing.assert_allclose(
        crps(record).values, scoringrules.crps_ensemble(record.y, record.samples, estimator="fair"), rtol=1e-9
    )
    far = Regression(ids=ids(1), y=np.array([1e9 + 1.0]), samples=1e9 + np.array([[0.0, 1.0, 3.0]]))
    assert crps(far).values[0] == pytest.approx(1 - 1.0)  # |-1| + 0 + 2 over 3, less (1 + 3 + 2) / 6


def test_pinball_and_its_crps() -> None:
    record = regression("quantiles", 100)
    assert record.quantiles is not None
    peer = np.mean(
        [scoringrules.quantile_score(record.y, record.quantiles[:, k], level) for k, level in enumerate(record.levels)],
        axis=0,
    )
    np.testing.assert_allclose(pinball(record).values, peer, rtol=1e-10)
    np.testing.assert_allclose(crps(record).values, 2 * peer, rtol=1e-10)


def test_many_levels_approach_the_crps() -> None:
    level = (np.arange(2000) + 0.5) / 2000
    y = np.linspace(-3, 3, 7)
    fine = Regression(ids=ids(7), y=y, quantiles=np.tile(stats.norm.ppf(level), (7, 1)), levels=tuple(level))
    expected = scoringrules.crps_normal(y, 0, 1)
    # The pinball loss is monotone on each side of F(y): a midpoint sum is off by its variation over twice the levels.
    variation = 4 * (np.abs(y) + stats.norm.ppf(level[-1]))
    assert (np.abs(crps(fine).values - expected) <= variation / 2000).all()


def test_points_are_those_that_each_error_asks_for() -> None:
    record = regression("samples", 60)
    assert record.samples is not None
    np.testing.assert_allclose(rmse(record).values, (record.y - record.samples.mean(axis=1)) ** 2)
    np.testing.assert_allclose(mae(record).values, np.abs(record.y - np.median(record.samples, axis=1)))
    with pytest.raises(NotApplicable, match="does not apply"):
        rmse(regression("quantiles"))


@pytest.mark.parametrize("count", [19, 39, 99])
def test_intervals_of_samples_hold_a_further_draw_as_promised(count: int) -> None:
    # Exchangeable: the rank of y among the samples is uniform, so ends at ranks a and M + 1 - a hold it with
    # probability (M + 1 - 2 a) / (M + 1) = 0.9.  By enumeration of the ranks.
    samples = np.tile(np.arange(count, dtype=np.float64), (count + 1, 1))
    y = np.arange(count + 1, dtype=np.float64) - 0.5
    assert coverage_90(Regression(ids=ids(count + 1), y=y, samples=samples)).values.mean() == pytest.approx(0.9)


def test_too_few_samples_or_levels_do_not_reach() -> None:
    with pytest.raises(NotApplicable, match="does not apply") as caught:
        coverage_90(Regression(ids=ids(1), y=np.zeros(1), samples=np.zeros((1, 18))))
    assert "18 samples" in caught.value.reason
    inner = Regression(ids=ids(1), y=np.zeros(1), quantiles=np.array([[-1.0, 0, 1]]), levels=(0.1, 0.5, 0.9))
    with pytest.raises(NotApplicable):
        width_90(inner)
    with pytest.raises(NotApplicable):
        point("pit-ks", inner)
    assert point("mae", inner) == 0
    assert point("coverage-error", inner) == pytest.approx(np.mean(1 - np.arange(1, 17) / 20))


def test_quantiles_are_interpolated_and_put_in_order() -> None:
    crossed = Regression(ids=ids(1), y=np.zeros(1), quantiles=np.array([[1.0, -1.0, 3.0]]), levels=(0.1, 0.5, 0.9))
    assert quantile(crossed, 0.1)[0] == -1
    assert quantile(crossed, 0.3)[0] == pytest.approx(0)
    assert quantile(crossed, 0.9)[0] == 3
    single = Regression(ids=ids(1), y=np.zeros(1), quantiles=np.array([[2.0]]), levels=(0.5,))
    assert quantile(single, 0.5)[0] == 2


def test_coverage_error_of_every_form() -> None:
    n = 4000
    z = stats.norm.ppf((np.arange(n) + 0.5) / n)
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    ends = np.tile(stats.norm.ppf(levels), (n, 1))
    record = Regression(ids=ids(n), y=z, quantiles=ends, levels=levels)
    # Linear between the levels: the normal's own quantile only at these, so only the 50 % and 90 % intervals are exact.
    shares = np.arange(1, 19) / 20
    held = [
        np.mean((np.interp((1 - s) / 2, levels, ends[0]) <= z) & (z <= np.interp((1 + s) / 2, levels, ends[0])))
        for s in shares
    ]
    assert point("coverage-error", record) == pytest.approx(np.mean(np.abs(np.array(held) - shares)))
    gaussian = Regression(ids=ids(n), y=z, mean=np.zeros(n), std=np.ones(n))
    assert point("coverage-error", gaussian) <= 1 / n


def test_pit_of_ties_has_one_step() -> None:
    record = Regression(ids=ids(4), y=np.zeros(4), mean=np.zeros(4), std=np.ones(4))
    assert point("pit-ks", record) == pytest.approx(0.5)
