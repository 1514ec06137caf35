from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.components import NotApplicable
from bench.metrics.pit import cells
from bench.stats.intervals import interval
from tests.metrics.cases import find, point, regression


def test_p_values_against_scipy() -> None:
    record = regression("gaussian", 200)
    assert record.mean is not None
    assert record.std is not None
    u = np.asarray(stats.norm.cdf(record.y, record.mean, record.std))
    assert point("pit-ks-p", record) == pytest.approx(stats.kstest(u, "uniform", method="exact").pvalue, rel=1e-6)
    counts = np.histogram(u, bins=10, range=(0, 1))[0]
    peer = stats.chisquare(counts)
    assert point("pit-chi2", record) * 9 == pytest.approx(peer.statistic)
    assert point("pit-chi2-p", record) == pytest.approx(peer.pvalue)


def test_cells_of_quantiles_are_as_likely_as_their_levels() -> None:
    record = regression("quantiles", 300)
    place, expected = cells(record)
    np.testing.assert_allclose(expected, [0.05, 0.05, 0.15, 0.25, 0.25, 0.15, 0.05, 0.05])
    counts = np.bincount(place, minlength=8)
    assert point("pit-chi2-p", record) == pytest.approx(stats.chisquare(counts, 300 * expected).pvalue)


@pytest.mark.parametrize("count", [1, 4, 29, 100])
def test_cells_of_samples_hold_whole_ranks(count: int) -> None:
    # All ranks once: just as many in each cell as expected.
    record = replace(
        regression("samples", count + 1),
        y=np.arange(count + 1, dtype=np.float64) - 0.5,
        samples=np.tile(np.arange(count, dtype=float), (count + 1, 1)),
    )
    place, expected = cells(record)
    np.testing.assert_allclose(np.bincount(place, minlength=len(expected)), (count + 1) * expected)
    with pytest.raises(NotApplicable):
        point("pit-ks-p", record)


def test_p_values_have_no_interval() -> None:
    for name in ("pit-ks-p", "pit-chi2-p"):
        estimate = interval(find(name), regression("gaussian", 50), seed=0)
        assert estimate.value is not None
        assert estimate.interval.low is None
        assert estimate.interval.method.startswith("none")


def test_wrong_forecasts_are_found() -> None:
    record = regression("gaussian", 500)
    assert record.mean is not None
    assert record.std is not None
    narrow = replace(record, y=record.mean + record.std * np.random.default_rng(0).normal(0, 1.5, 500))
    right = replace(record, y=record.mean + record.std * np.random.default_rng(0).normal(0, 1, 500))
    for name in ("pit-ks-p", "pit-chi2-p"):
        assert point(name, narrow) < 1e-4 < point(name, right)
