from __future__ import annotations

import numpy as np
import pytest

from bench.metrics.spread import interval_curve, quantile_curve, spread_curve
from bench.records import Regression
from tests.metrics.cases import ids, point, regression


def test_ence_by_hand() -> None:
    record = regression("gaussian", 200)
    assert record.mean is not None
    assert record.std is not None
    gaps = []
    for rows in np.array_split(np.argsort(record.std), 10):
        said = np.sqrt((record.std[rows] ** 2).mean())
        came = np.sqrt(((record.y - record.mean)[rows] ** 2).mean())
        gaps.append(abs(said - came) / said)
    assert point("ence", record) == pytest.approx(np.mean(gaps))


def test_equal_spreads_are_one_bin() -> None:
    n = 30
    record = Regression(ids=ids(n), y=np.full(n, 2.0), mean=np.zeros(n), std=np.ones(n))
    curve = spread_curve(record)
    assert (curve.mass > 0).sum() == 1
    assert point("ence", record) == pytest.approx(1.0)


def test_calibration_curves_against_a_peer() -> None:
    import uncertainty_toolbox as uct

    record = regression("gaussian", 300)
    levels, below = quantile_curve(record)
    expected, observed = uct.get_proportion_lists_vectorized(
        record.mean, record.std, record.y, num_bins=21, prop_type="quantile"
    )
    # The peer takes the residual the other way round: it counts the outcomes above the quantile of 1 - t.
    np.testing.assert_allclose(1 - np.interp(1 - levels, expected, observed), below, atol=1e-12)
    shares, inside = interval_curve(record)
    expected, observed = uct.get_proportion_lists_vectorized(
        record.mean, record.std, record.y, num_bins=21, prop_type="interval"
    )
    np.testing.assert_allclose(np.interp(shares, expected, observed), inside, atol=1e-12)
    assert point("coverage-error", record) == pytest.approx(np.abs(inside - shares).mean())
    assert point("quantile-calibration-error", record) == pytest.approx(np.abs(below - levels).mean())


def test_scores_against_the_uncertainty_toolbox() -> None:
    import uncertainty_toolbox as uct

    record = regression("gaussian", 300)
    mean, std, y = record.mean, record.std, record.y
    assert point("crps", record) == pytest.approx(uct.crps_gaussian(mean, std, y))
    assert point("forecast-nll", record) == pytest.approx(uct.nll_gaussian(mean, std, y))
    assert point("sharpness", record) == pytest.approx(uct.sharpness(std))
