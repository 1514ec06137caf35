from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from bench.arrays import Float64s
from bench.errors import UsageError
from bench.stats.design import Estimate, design
from bench.stats.means import mean


def _hall(value: float, error: float, totals: Float64s) -> tuple[float, float]:
    """Ends by the textbook: those at which Hall's cubic of the studentised mean is the t quantile, found by search."""
    n = len(totals)
    skewness = float(stats.skew(totals))
    quantile = float(stats.t.ppf(0.975, n - 1))

    def transformed(s: float) -> float:
        # s is the studentised mean over sqrt(n).
        cubic = s + skewness * s**2 / 3 + skewness**2 * s**3 / 27 + skewness / (6 * n)
        return float(np.sqrt(n)) * cubic

    ends = [optimize.brentq(lambda s, t=t: transformed(s) - t, -1e4, 1e4) for t in (quantile, -quantile)]
    return value - ends[0] * np.sqrt(n) * error, value - ends[1] * np.sqrt(n) * error


def _ends(estimate: Estimate) -> tuple[float, float]:
    assert estimate.interval.low is not None
    assert estimate.interval.high is not None
    return estimate.interval.low, estimate.interval.high


def test_parity_with_statsmodels_on_clusters() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 90)
    values = rng.normal(size=90) + groups
    weights = rng.uniform(0.2, 3, 90)
    fit = sm.WLS(values, np.ones(90), weights=weights).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    found = mean(values, design(90, groups=groups, weights=weights))
    assert found.value == pytest.approx(fit.params[0])
    scores = weights * (values - fit.params[0])
    totals = np.bincount(np.unique(groups, return_inverse=True)[1], scores).astype(np.float64)
    assert _ends(found) == pytest.approx(_hall(fit.params[0], fit.bse[0], totals), rel=1e-9)
    assert found.groups == len(np.unique(groups))
    assert found.interval.method == "t(CR1)"


def test_independent_rows_are_students_t() -> None:
    values = np.random.default_rng(0).normal(size=25)
    fit = sm.OLS(values, np.ones(25)).fit()
    found = mean(values, design(25))
    assert _ends(found) == pytest.approx(_hall(fit.params[0], fit.bse[0], values), rel=1e-9)
    # Without skewness it is Student's own.
    even = np.concatenate([values, -values])
    fit = sm.OLS(even, np.ones(50)).fit()
    assert _ends(mean(even, design(50))) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)
    assert (found.interval.method, found.groups) == ("t", 25)


def test_ratio_of_sums_by_its_residuals() -> None:
    rng = np.random.default_rng(0)
    size = rng.integers(1, 50, 40).astype(float)
    values = size * rng.uniform(1, 2, 40)
    found = mean(values, design(40), denominators=size)
    ratio = values.sum() / size.sum()
    residuals = (values - ratio * size) / size.mean()
    fit = sm.OLS(residuals, np.ones(40)).fit()
    assert found.value == pytest.approx(ratio)
    assert _ends(found) == pytest.approx(_hall(ratio, fit.bse[0], residuals), rel=1e-9)


def test_link_goes_over_the_ends() -> None:
    values = np.random.default_rng(0).normal(3, 1, 50)
    low, high = _ends(mean(values, design(50)))
    assert _ends(mean(values, design(50), link="exp")) == pytest.approx((math.exp(low), math.exp(high)))
    assert _ends(mean(values, design(50), link="sqrt")) == pytest.approx((math.sqrt(low), math.sqrt(high)))
    wide = np.array([0.0, 0, 0, 1, 9])
    assert _ends(mean(wide, design(5), link="sqrt"))[0] == 0.0
    huge = np.array([800.0, 900, 1000])
    assert mean(huge, design(3), link="exp").value == math.inf
    assert mean(huge, design(3), link="exp").interval.low is None


def test_ends_are_clipped_to_the_range() -> None:
    low, high = _ends(mean(np.array([0.0, 0.1, 0.9, 1.0]), design(4), limits=(0, 1)))
    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "groups", "weights", "method"),
    [
        ([], None, None, "none: no sample"),
        ([0.5], None, None, "none: one sample"),
        ([0.5, 0.6], ["a", "a"], None, "none: one cluster"),
        ([1.0, 0.0], ["a", "a"], None, "none: one cluster"),
        ([0.5, 0.6], None, [0, 1], "none: one sample"),
        ([0.5, 0.6], None, [0, 0], "none: no sample"),
        ([0.5, 0.5, 0.5], None, None, "none: no variation"),
        ([0.5, np.inf], None, None, "none: the mean is not finite"),
        ([0.5, np.nan], None, None, "none: not a number"),
        ([np.inf, -np.inf], None, None, "none: not a number"),
    ],
)
def test_no_interval_where_none_can_be(
    values: list[float], groups: list[str] | None, weights: list[float] | None, method: str
) -> None:
    names = None if groups is None else np.array(groups)
    found = mean(
        np.array(values, dtype=float),
        design(len(values), groups=names, weights=None if weights is None else np.array(weights)),
        limits=(0, 1),
    )
    assert (found.interval.low, found.interval.high, found.interval.method) == (None, None, method)


def test_denominators_of_nothing() -> None:
    found = mean(np.ones(3), design(3), denominators=np.zeros(3))
    assert found.value is None
    assert found.interval.method == "none: the denominators sum to 0"


def test_rows_without_weight_are_out_whatever_they_hold() -> None:
    values = np.array([1.0, 2.0, 4.0, np.inf])
    with_row = mean(values, design(4, weights=np.array([1.0, 1, 1, 0]), groups=np.array(["a", "b", "c", "d"])))
    assert with_row == mean(values[:3], design(3))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.integers(2, 5))
def test_repeating_every_row_within_its_cluster_changes_nothing(values: list[float], times: int) -> None:
    n = len(values)
    once = mean(np.array(values), design(n))
    groups = np.repeat(np.arange(n), times)
    often = mean(np.repeat(values, times), design(n * times, groups=groups))
    assert often.groups == once.groups
    assert often.value == pytest.approx(once.value, rel=1e-9, abs=1e-9)
    if once.interval.low is not None and often.interval.low is not None:
        assert _ends(often) == pytest.approx(_ends(once), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("weights", [[1.0, -1.0], [np.nan, 1.0], [1.0]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(UsageError):
        design(2, weights=np.array(weights))


def test_groups_must_fit() -> None:
    with pytest.raises(UsageError, match="groups"):
        design(2, groups=np.array(["a"]))
