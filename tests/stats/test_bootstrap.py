from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from scipy import stats

from bench.arrays import Float64s
from bench.stats import bootstrap
from bench.stats.bootstrap import NORMAL, basic, bca, jackknife, reach, replicates, weighted
from bench.stats.design import design

VALUES = np.random.default_rng(0).exponential(size=60)


def _mean(w: Float64s) -> Float64s:
    return w @ VALUES / w.sum(axis=1)


def _variance(w: Float64s) -> Float64s:
    return w @ VALUES**2 / w.sum(axis=1) - _mean(w) ** 2


@pytest.mark.parametrize("method", ["BCa", "basic"])
def test_ends_from_the_same_resamples_as_scipy(method: Literal["BCa", "basic"]) -> None:
    peer = stats.bootstrap((VALUES,), np.var, method=method, rng=np.random.default_rng(1), n_resamples=999)
    value = float(np.var(VALUES))
    if method == "BCa":
        found = bca(value, peer.bootstrap_distribution, jackknife(_variance, design(60), seed=0))
    else:
        found = basic(value, peer.bootstrap_distribution)
    assert found == pytest.approx(tuple(peer.confidence_interval), rel=1e-9)


def test_resamples_agree_with_scipy_in_distribution() -> None:
    peer = stats.bootstrap((VALUES,), np.var, method="BCa", rng=np.random.default_rng(1), n_resamples=9999)
    found = weighted(_variance, design(60), seed=3).interval
    width = peer.confidence_interval.high - peer.confidence_interval.low
    assert found.low is not None
    assert found.high is not None
    # An end of 1,000 resamples is a quantile with a standard error of about 4 % of the width.
    assert found.low == pytest.approx(peer.confidence_interval.low, abs=0.18 * width)
    assert found.high == pytest.approx(peer.confidence_interval.high, abs=0.18 * width)


def test_seeds_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    d = design(60, groups=np.arange(60) // 3)
    whole = replicates(_mean, d, seed=5)
    assert (whole == replicates(_mean, d, seed=5)).all()
    assert (whole != replicates(_mean, d, seed=6)).mean() > 0.9
    monkeypatch.setattr(bootstrap, "CHUNK", 7 * 60)
    # The draws are the same; a matrix product of another shape may round otherwise.
    np.testing.assert_allclose(replicates(_mean, d, seed=5), whole, rtol=1e-13)


def test_clusters_move_together() -> None:
    d = design(60, groups=np.arange(60) // 3)

    def first_against_others(w: Float64s) -> Float64s:
        assert (w[:, 0::3] == w[:, 1::3]).all()
        assert (w[:, 0::3] == w[:, 2::3]).all()
        assert (w[:, ::3].sum(axis=1) == 20).all()
        return _mean(w)

    replicates(first_against_others, d, seed=0)


def test_weights_of_the_rows_are_kept() -> None:
    weights = np.arange(60) % 4.0
    d = design(60, weights=weights)
    assert d.rows == 45

    def held(w: Float64s) -> Float64s:
        assert (w[:, weights == 0] == 0).all()
        counts = w[:, weights > 0] / weights[weights > 0]
        assert (counts == np.round(counts)).all()
        assert (counts.sum(axis=1) == 45).all()
        return _mean(w)

    replicates(held, d, seed=0)
    assert weighted(_mean, d, seed=0).value == pytest.approx(weights @ VALUES / weights.sum())


def test_jackknife_leaves_out_one_cluster_or_one_fold() -> None:
    left = jackknife(_mean, design(60), seed=0)
    np.testing.assert_allclose(left, (VALUES.sum() - VALUES) / 59)
    folds = jackknife(_mean, design(60), seed=0, folds=12)
    assert len(folds) == 12
    assert folds.mean() == pytest.approx(VALUES.mean())  # folds of one size: each row left out once


def test_no_interval_where_none_can_be() -> None:
    def constant(w: Float64s) -> Float64s:
        return np.full(len(w), 0.5)

    def often_undefined(w: Float64s) -> Float64s:
        return np.where(w[:, 0] > 0, _mean(w), np.nan)

    def infinite(w: Float64s) -> Float64s:
        return np.full(len(w), np.inf)

    cases = [
        (constant, design(60), "none: no variation between resamples"),
        (often_undefined, design(60), "none: undefined on too many resamples"),
        (infinite, design(60), "none: the value is not finite"),
        (_mean, design(60, groups=np.zeros(60)), "none: one cluster"),
        (_mean, design(60, weights=np.eye(60)[3]), "none: one sample"),
        (_mean, design(60, weights=np.zeros(60)), "none: no sample"),
    ]
    for function, d, method in cases:
        found = weighted(function, d, seed=0)
        assert (found.interval.low, found.interval.high, found.interval.method) == (None, None, method)


def test_undefined_values_are_none() -> None:
    found = weighted(lambda w: np.full(len(w), np.nan), design(60), seed=0)
    assert found.value is None
    assert found.interval.method == "none: undefined at these weights"


def test_values_outside_their_resamples_get_the_basic_interval() -> None:
    assert bca(1.0, np.linspace(0, 0.9, 100), np.zeros(5)) is None
    found = weighted(lambda w: (w == 1).all(axis=1) + 0.1 * _mean(w), design(60), seed=0)
    assert found.interval.method == "bootstrap basic"


def test_biased_metrics_get_the_basic_interval() -> None:
    assert weighted(_variance, design(60), seed=0, biased=True).interval.method == "bootstrap basic"
    assert weighted(_variance, design(60), seed=0).interval.method == "bootstrap BCa"


def test_many_samples_get_the_jackknife() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40_000)
    found = weighted(lambda w: w @ x / w.sum(axis=1), design(40_000), seed=0)
    assert found.interval.method == "t(jackknife, 100 groups)"
    assert found.interval.low is not None
    assert found.interval.high is not None
    # Half the width is t x s / sqrt n, the standard error itself known to 1 / sqrt(2 x 99).
    half = 1.984 * x.std() / 200
    assert (found.interval.high - found.interval.low) / 2 == pytest.approx(half, rel=4.5 / np.sqrt(198))


def test_reach_of_few_clusters() -> None:
    assert reach(10) == pytest.approx(math.sqrt(10 / 9) * stats.t.ppf(0.975, 9))
    assert reach(10**7) == pytest.approx(NORMAL, abs=1e-6)
    rng = np.random.default_rng(0)
    held = np.zeros(2)
    for i in range(400):
        x = rng.normal(size=8)

        def average(w: Float64s, x: Float64s = x) -> Float64s:
            return w @ x / w.sum(axis=1)

        draws = replicates(average, design(8), seed=i)
        for j, z in enumerate((NORMAL, reach(8))):
            low, high = basic(float(x.mean()), draws, z)
            held[j] += low <= 0 <= high
    plain, further = held / 400
    assert plain < 0.92  # what few rows cost the bootstrap
    assert further == pytest.approx(0.95, abs=4.5 * math.sqrt(0.95 * 0.05 / 400))


def test_bca_where_the_acceleration_turns_round() -> None:
    draws = np.linspace(0, 1, 101)
    skewed = np.array([0.0] * 40 + [-1.0])  # one row of enormous influence
    low, high = bca(0.5, draws, skewed, 8.0) or (math.nan, math.nan)
    assert 0 <= low < 0.5 < high <= 1


def test_a_metric_of_another_shape_is_found_out() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        weighted(lambda _: np.zeros(3), design(5), seed=0)
