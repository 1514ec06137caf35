from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from bench.components import Metric
from bench.records import Regression
from bench.registry import find
from bench.reports import curves
from tests.reports import synthetic

RNG = np.random.default_rng(11)


def test_wilson_is_that_of_statsmodels() -> None:
    hits, n = np.array([0, 1, 7, 30, 30]), np.array([1, 5, 20, 31, 30])
    low, high = curves.wilson(hits, n)
    for k, m, a, b in zip(hits, n, low, high, strict=True):
        assert (a, b) == pytest.approx(proportion_confint(k, m, method="wilson"), abs=1e-12)


def test_reliability_has_the_bins_of_scikit_learn_and_the_ece_of_the_metric() -> None:
    record = synthetic.classification(3, n=500).split("test")
    bins = curves.reliability(record.confidence, record.correct)
    true, mean = calibration_curve(record.correct, record.confidence, n_bins=15)
    np.testing.assert_allclose(bins.accuracy, true)
    np.testing.assert_allclose(bins.confidence, mean)
    ece = float((bins.count * np.abs(bins.accuracy - bins.confidence)).sum() / bins.count.sum())
    metric = find(Metric, "ece").function
    assert ece == pytest.approx(float(metric(record, np.ones((1, len(record))))[0]), abs=1e-12)


def test_confidence_one_has_no_bin_of_its_own() -> None:
    bins = curves.reliability(np.array([0.0, 0.95, 1.0]), np.array([False, True, True]))
    assert bins.count.tolist() == [1, 2]
    assert bins.right.tolist() == [pytest.approx(1 / 15), 1.0]


@pytest.mark.parametrize("decimals", [8, 1])  # one decimal: many ties
def test_roc_is_that_of_scikit_learn(decimals: int) -> None:
    scores, positive = RNG.normal(size=300).round(decimals), RNG.random(300) < 0.3
    curve = curves.roc(scores + positive, positive)
    assert curve is not None
    assert curve.area == pytest.approx(roc_auc_score(positive, scores + positive), abs=1e-12)
    fpr, tpr, _ = roc_curve(positive, scores + positive, drop_intermediate=False)
    assert set(zip(curve.fpr, curve.tpr, strict=True)) <= set(zip(fpr, tpr, strict=True))
    assert (curve.fpr[0], curve.tpr[0], curve.fpr[-1], curve.tpr[-1]) == (0, 0, 1, 1)


def test_roc_of_one_class_is_none_and_of_many_is_thinned() -> None:
    assert curves.roc(np.arange(3.0), np.ones(3, dtype=bool)) is None
    scores, positive = RNG.normal(size=20_000), RNG.random(20_000) < 0.5
    curve = curves.roc(scores + 1.5 * positive, positive)
    assert curve is not None
    assert len(curve.fpr) <= curves.POINTS + 1
    assert float(np.trapezoid(curve.tpr, curve.fpr)) == pytest.approx(curve.area, abs=2e-3)


def test_density_is_that_of_scipy_and_has_mass_one() -> None:
    values = RNG.normal(size=800)
    grid = np.linspace(-5, 5, 400)
    ours = curves.density(values, grid)
    spread = min(values.std(), float(np.subtract(*np.quantile(values, [0.75, 0.25]))) / 1.34)
    width = 0.9 * spread * 800**-0.2
    peer = stats.gaussian_kde(values, bw_method=width / values.std(ddof=1))(grid)
    np.testing.assert_allclose(ours, peer, atol=0.01 * peer.max())
    assert float(np.trapezoid(ours, grid)) == pytest.approx(1, abs=1e-3)


def test_density_of_a_constant_and_of_nothing() -> None:
    grid = np.linspace(0, 1, 101)
    assert float(np.trapezoid(curves.density(np.full(9, 0.5), grid), grid)) == pytest.approx(1, abs=1e-6)
    assert not curves.density(np.array([np.inf, np.nan]), grid).any()


@pytest.mark.parametrize("decimals", [8, 1])
def test_risk_coverage_is_the_mean_over_all_orders_of_ties(decimals: int) -> None:
    confidence = RNG.random(60).round(decimals)
    correct = RNG.random(60) < confidence
    curve = curves.risk_coverage(confidence, correct)
    risks = []
    for _ in range(4000 if decimals == 1 else 1):
        order = np.lexsort((RNG.random(60), -confidence))
        risks.append(np.cumsum(~correct[order]) / np.arange(1, 61))
    np.testing.assert_allclose(curve.risk, np.mean(risks, axis=0), atol=0.03 if decimals == 1 else 1e-12)
    assert curve.area == pytest.approx(float(np.mean(risks)), abs=0.01)
    assert curve.risk[-1] == pytest.approx(float((~correct).mean()))


def test_risk_coverage_has_the_area_of_the_metric() -> None:
    record = synthetic.classification(5, n=300).split("test")
    metric = find(Metric, "aurc").function
    area = curves.risk_coverage(record.confidence, record.correct).area
    assert area == pytest.approx(float(metric(record, np.ones((1, len(record))))[0]), abs=1e-9)


def test_binomial_quantile_is_that_of_scipy() -> None:
    p = np.array([0.001, 0.05, 0.1, 0.5, 0.93])
    for n in (1, 10, 160, 5000):
        for q in (0.025, 0.5, 0.975):
            np.testing.assert_array_equal(curves.binomial_quantile(q, n, p), stats.binom.ppf(q, n, p))


def drawn(n: int, draws: int) -> Regression:
    return Regression(ids=synthetic.ids(n), y=RNG.normal(size=n), samples=RNG.normal(size=(n, draws)))


@pytest.mark.parametrize(
    "record",
    [synthetic.gaussian(1, n=4000), synthetic.quantile(2, n=4000), drawn(4000, 7), drawn(4000, 100)],
    ids=["gaussian", "quantiles", "7 draws", "100 draws"],
)
def test_pit_of_a_true_forecast_is_even(record: Regression) -> None:
    histogram = curves.pit(record)
    expected = len(record) * (histogram.right - histogram.left)
    assert histogram.count.sum() == len(record)
    assert histogram.right[-1] == 1
    assert stats.chisquare(histogram.count, expected).pvalue > 1e-3
    np.testing.assert_allclose(histogram.ratio, histogram.count / expected)


def test_pit_of_a_narrow_forecast_is_hollow() -> None:
    histogram = curves.pit(synthetic.gaussian(1, n=4000, spread=0.5))
    assert histogram.ratio[0] > histogram.high[0]
    assert histogram.ratio[-1] > histogram.high[-1]
    assert histogram.ratio[10] < histogram.low[10]


def test_coverage_of_a_gaussian_is_that_of_its_quantiles() -> None:
    record = synthetic.gaussian(4, n=3000, spread=2.0)
    found = curves.coverage(record)
    truth = 2 * stats.norm.cdf(2 * stats.norm.ppf((1 + found.nominal) / 2)) - 1
    assert ((found.low - 0.02 < truth) & (truth < found.high + 0.02)).all()
    inside = curves.coverage(synthetic.quantile(5, n=3000))
    assert inside.nominal.tolist() == pytest.approx([0.5, 0.9])
    assert ((inside.low - 0.01 < inside.nominal) & (inside.nominal < inside.high + 0.01)).all()


def test_split_of_members_that_agree_has_no_epistemic_part() -> None:
    record = synthetic.classification(6, members=3).split("test")
    parts = curves.split(record)
    assert parts is not None
    assert record.members is not None
    mixture = np.exp(record.members).mean(axis=1)
    np.testing.assert_allclose(parts.epistemic + parts.aleatoric, stats.entropy(mixture, axis=1), atol=1e-12)
    same = type(record)(ids=record.ids, labels=record.labels, logits=record.logits,
                        members=np.repeat(record.members[:, :1], 3, axis=1))  # fmt: skip
    agreed = curves.split(same)
    assert agreed is not None
    np.testing.assert_allclose(agreed.epistemic, 0, atol=1e-12)
    assert curves.split(synthetic.gaussian(1)) is None
