"""The calibration metrics beside `ece`: against peers, against direct computation, and on degenerate answers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.metrics.calibration_tests import spiegelhalter_z
from bench.metrics.decomposition import decomposed, isotonic
from bench.metrics.local import calibration_gaps, lowess
from bench.metrics.logistic import logistic
from bench.metrics.ordered import binned, mass_bins, ordered
from bench.metrics.quadratic import quadratic_tail
from bench.metrics.recalibration import log_odds
from bench.metrics.smooth import smooth_curve
from bench.stats.intervals import interval
from tests.metrics.cases import binary, classification, find, ids, metrics, point, weights

JUDGED = [m for m in metrics() if m.area == "calibration" and m.of.__name__ == "Judged"]


def answers(n: int = 600, seed: int = 0, off: float = 0.1) -> tuple[Float64s, Any]:
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    return confidence, rng.random(n) < confidence - off * (confidence > 0.8)


def test_parity_with_netcal() -> None:
    import netcal.metrics as peer

    confidence, correct = answers()
    record = binary(confidence, correct)
    assert point("mmce", record) == pytest.approx(peer.MMCE().measure(confidence, correct.astype(int)), rel=1e-12)
    assert point("ece", record) == pytest.approx(peer.ECE(15).measure(confidence, correct.astype(int)), rel=1e-12)
    # Fifteen bins of forty: both part the rows at the same places.
    mass = peer.ECE(15, equal_intervals=False).measure(confidence, correct.astype(int))
    assert point("ece-mass", record) == pytest.approx(mass, rel=1e-9)
    assert point("mce-mass", record) == pytest.approx(
        peer.MCE(15, equal_intervals=False).measure(confidence, correct.astype(int)), rel=1e-9
    )


def test_rms_error_against_torchmetrics() -> None:
    import torch
    from torchmetrics.functional.classification import multiclass_calibration_error

    record = classification(500, 6)
    record = replace(record, logits=np.random.default_rng(1).normal(0, 1.5, (500, 6)), members=None)
    peer = multiclass_calibration_error(
        torch.tensor(record.probs), torch.tensor(record.labels), num_classes=6, n_bins=15, norm="l2"
    )
    assert point("ece-l2", record) == pytest.approx(float(peer), rel=1e-5)


def test_hosmer_lemeshow_against_statsmodels() -> None:
    from scipy.stats import chi2
    from statsmodels.stats.diagnostic_gen import test_chisquare_binning as binning

    confidence, correct = answers(300)
    counts = np.stack([~correct, correct], axis=1).astype(float)
    expected = np.stack([1 - confidence, confidence], axis=1)
    peer = binning(counts, expected, sort_var=confidence, bins=10, df=10)
    found = point("hosmer-lemeshow-p", binary(confidence, correct))
    assert found == pytest.approx(float(chi2.sf(peer.statistic, 10)), rel=1e-9)


def test_ranked_probability_score_against_scoringrules() -> None:
    import scoringrules

    record = classification(50, 5)
    peer = np.asarray(scoringrules.rps_score(record.labels + 1, record.probs)).mean() / 4
    assert point("rps", record) == pytest.approx(float(peer), rel=1e-12)


def test_cox_line_against_statsmodels() -> None:
    import statsmodels.api as sm

    confidence, correct = answers(800)
    odds = log_odds(confidence)
    peer = sm.GLM(correct.astype(float), sm.add_constant(odds), family=sm.families.Binomial()).fit(tol=1e-12)
    record = binary(confidence, correct)
    assert [point("cox-intercept", record), point("cox-slope", record)] == pytest.approx(list(peer.params), rel=1e-7)
    held = sm.GLM(correct.astype(float), np.ones(800), family=sm.families.Binomial(), offset=odds).fit(tol=1e-12)
    assert point("cox-in-the-large", record) == pytest.approx(float(held.params[0]), rel=1e-7)


def test_logistic_regression_of_each_weighting_against_sklearn() -> None:
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = (rng.random(200) < 1 / (1 + np.exp(-(x @ [1.0, -2.0] + 0.5)))).astype(float)
    w = rng.integers(0, 4, (3, 200)).astype(float)
    found = logistic(np.concatenate([x, np.ones((200, 1))], axis=1), y, w)
    for row, b in zip(w, found, strict=True):
        peer = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000, solver="newton-cholesky").fit(x, y, row)
        np.testing.assert_allclose(b, [*peer.coef_[0], peer.intercept_[0]], rtol=1e-6)


def test_logistic_regression_without_a_maximum_is_undefined() -> None:
    x = np.array([[-2.0, 1], [-1, 1], [1, 1], [2, 1]])
    separated, mixed = np.array([0.0, 0, 1, 1]), np.array([0.0, 1, 0, 1])
    assert np.isnan(logistic(x, separated, np.ones((1, 4)))).all()
    assert np.isfinite(logistic(x, mixed, np.ones((1, 4)))).all()
    assert np.isnan(logistic(np.ones((4, 2)), mixed, np.ones((1, 4)))).all()
    assert np.isnan(logistic(x, mixed, np.zeros((1, 4)))).all()


def test_isotonic_of_every_weighting_against_sklearn() -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    confidence = np.round(rng.random(80), 1)
    correct = (rng.random(80) < confidence).astype(float)
    w = rng.integers(0, 3, (6, 80)).astype(float)
    rows = ordered(confidence, correct, w)
    fitted = isotonic(rows)
    for b in range(6):
        peer = IsotonicRegression().fit(confidence, correct, w[b])
        held = rows.weight[b] > 0
        np.testing.assert_allclose(fitted[b][held], peer.predict(rows.confidence[held]), atol=1e-12)


def test_lowess_against_statsmodels() -> None:
    from statsmodels.nonparametric.smoothers_lowess import lowess as peer

    rng = np.random.default_rng(0)
    x = np.sort(rng.random(100))
    y = (rng.random(100) < x).astype(float)
    fitted = peer(y, x, frac=0.75, it=0, return_sorted=False)
    assert fitted.min() > 0
    assert fitted.max() < 1
    # The peer gives weight 0 to what is beyond .999 of the width, and 1 to what is within .001.
    np.testing.assert_allclose(lowess(ordered(x, y, np.ones((1, 100))))[0], fitted, atol=1e-6)


def test_gaps_of_many_confidences_are_those_of_a_grid() -> None:
    confidence, correct = answers(3000)
    record = binary(confidence, correct)
    exact = np.abs(lowess(ordered(record.confidence, correct, np.ones((1, 3000)))) - np.sort(record.confidence)).mean()
    gaps, weight = calibration_gaps(record, np.ones((1, 3000)))
    assert gaps.shape[1] <= 256
    assert float((gaps * weight).sum() / 3000) == pytest.approx(float(exact), abs=0.5 / 256)


def test_smooth_curve_has_the_area_of_smooth_ece() -> None:
    confidence, correct = answers(400)
    record = binary(confidence, correct)
    w = np.ones((1, 400))
    curve = smooth_curve(record, w)
    assert float(np.trapezoid(curve.density[0], curve.confidence)) == pytest.approx(1, abs=1e-9)
    t, s = curve.confidence[500:1000:100], float(curve.scale[0])
    images = np.concatenate([2 * k + sign * record.confidence for k in (-1, 0, 1) for sign in (1, -1)])
    kernel = np.exp(-((t[:, None] - images) ** 2) / (2 * s**2)).reshape(len(t), 6, 400).sum(axis=1)
    np.testing.assert_allclose(curve.rate[0][500:1000:100], (kernel @ correct) / kernel.sum(axis=1), atol=1e-4)
    assert point("smooth-ece", record) == pytest.approx(s, abs=1e-4)


def test_mass_bins_hold_equal_weight_and_never_part_ties() -> None:
    assert mass_bins(np.ones((1, 45)), 15)[0].tolist() == np.repeat(np.arange(15), 3).tolist()
    assert np.unique(mass_bins(np.array([[1.0, 100.0, 1.0]]), 15)).tolist() == [0, 7, 14]
    assert mass_bins(np.ones((1, 1)), 15).tolist() == [[7]]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.5, 0.6, 0.61, 0.99, 1.0]), st.booleans()), min_size=1, max_size=40))
def test_kernel_errors_are_sums_over_pairs(rows: list[tuple[float, bool]]) -> None:
    confidence, correct = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    record = binary(confidence, correct)
    confidence = record.confidence
    gap, n = correct - confidence, len(rows)
    products = np.exp(-np.abs(confidence[:, None] - confidence) / 0.4) * np.outer(gap, gap)
    assert point("mmce", record) == pytest.approx(math.sqrt(max(products.sum(), 0)) / n, abs=1e-7)
    if n > 1:
        off = (products.sum() - np.trace(products)) / (n * (n - 1))
        assert point("kce", record) == pytest.approx(off, abs=1e-12)
        assert point("skce", record) == pytest.approx(2 * off, abs=1e-12)
    else:
        assert math.isnan(point("kce", record))


def test_pairs_within_a_cluster_are_left_out() -> None:
    confidence, correct = answers(30)
    groups = np.arange(30) % 7
    record = binary(confidence, correct, groups=groups.astype(str))
    gap = correct - confidence
    apart = groups[:, None] != groups
    products = np.exp(-np.abs(confidence[:, None] - confidence) / 0.4) * np.outer(gap, gap)
    assert point("kce", record) == pytest.approx(float(products[apart].mean()), rel=1e-9)
    assert point("skce", record) == pytest.approx(2 * float(products[apart].mean()), rel=1e-9)


def test_pairs_of_too_many_rows_are_refused() -> None:
    with pytest.raises(NotApplicable):
        point("skce", binary(np.full(10_001, 0.7), np.ones(10_001)))


def test_kernel_test_follows_its_null_distribution() -> None:
    # Against draws of the weighted sum of chi-squares itself, whose own error is .001.
    rng = np.random.default_rng(0)
    confidence = np.sort(rng.uniform(0.5, 1, 60))
    root = np.sqrt(confidence * (1 - confidence))
    kernel = np.exp(-np.abs(confidence[:, None] - confidence) / 0.4)
    spectrum = np.linalg.eigvalsh(root[:, None] * kernel * root)
    draws = np.sort(rng.chisquare(1, (200_000, 60)) @ spectrum)
    for _ in range(30):
        correct = rng.random(60) < confidence
        gap = correct - confidence
        expected = 1 - np.searchsorted(draws, gap @ kernel @ gap) / len(draws)
        found = point("kce-p", binary(confidence, correct))
        # The grid of 1/512 moves it by a few thousandths of itself; the draws have an error of .001.
        assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("name", ["hosmer-lemeshow-p", "spiegelhalter-p", "kce-p"])
def test_tests_see_what_is_wrong_either_way(name: str) -> None:
    confidence = np.linspace(0.55, 0.95, 400)
    rng = np.random.default_rng(0)
    for shift in (-0.15, 0.15):
        assert point(name, binary(confidence, rng.random(400) < np.clip(confidence + shift, 0, 1))) < 1e-4
    estimate = interval(find(name), binary(confidence, rng.random(400) < confidence), seed=0)
    assert estimate.interval.method == "none: it estimates nothing"
    assert estimate.value is not None


def test_spiegelhalter_counts_clusters_once() -> None:
    confidence, correct = answers(200)
    one = binary(confidence, correct, groups=ids(200))
    tripled = binary(np.tile(confidence, 3), np.tile(correct, 3), groups=np.tile(ids(200), 3))
    plain = binary(np.tile(confidence, 3), np.tile(correct, 3))
    z, again = (float(spiegelhalter_z(r, np.ones((1, len(r))))[0]) for r in (one, tripled))
    assert again == pytest.approx(z, rel=1e-12)
    without = binary(confidence, correct)
    alone = float(spiegelhalter_z(without, np.ones((1, 200)))[0])
    assert float(spiegelhalter_z(plain, np.ones((1, 600)))[0]) == pytest.approx(math.sqrt(3) * alone, rel=1e-12)


def test_decomposition_of_another_proper_score() -> None:
    # The spherical score of the event, as a loss.
    def loss(p: Float64s, outcome: int) -> Float64s:
        return 1 - (p if outcome else 1 - p) / np.sqrt(p**2 + (1 - p) ** 2)

    confidence, correct = answers(300)
    d = decomposed(loss, confidence, correct.astype(float), weights(300))
    np.testing.assert_allclose(d.miscalibration - d.discrimination + d.uncertainty, d.score, rtol=1e-12)
    assert (d.miscalibration > 0).all()


def test_broken_certainty_has_an_infinite_log_part_and_no_other() -> None:
    record = binary([1.0, 1.0, 0.6], [1, 0, 1])
    assert point("mcb-log", record) == math.inf
    assert math.isfinite(point("dsc-log", record))
    assert point("hosmer-lemeshow-p", record) == 0.0
    assert point("kce-p", binary([1.0, 1.0], [1, 0])) == 0.0
    assert point("kce-p", binary([1.0, 1.0], [1, 1])) == 1.0
    assert point("hosmer-lemeshow-p", binary([1.0, 1.0], [1, 1])) == 1.0


def test_tace_and_ace_by_hand() -> None:
    record = classification(75, 3)
    assert len(record) == 75
    record = replace(record, logits=np.random.default_rng(0).normal(0, 3, (75, 3)), members=None)
    for name, threshold in (("ace", 0.0), ("tace", 0.01)):
        total, bins = 0.0, 0
        for c in range(3):
            p = record.probs[:, c]
            kept = np.flatnonzero(p >= threshold)
            order = kept[np.argsort(p[kept])]
            places = (15 * (np.arange(len(order)) + 0.5) / len(order) + 1e-9).astype(int)
            for b in np.unique(places):
                rows = order[places == b]
                total += abs(float(((record.labels[rows] == c) - p[rows]).mean()))
                bins += 1
        assert point(name, record) == pytest.approx(total / bins, rel=1e-12)


def test_over_and_under_make_up_the_error() -> None:
    record = binary(*answers(500))
    over, under = point("ece-over", record), point("ece-under", record)
    assert over + under == pytest.approx(point("ece", record), rel=1e-12)
    assert over - under == pytest.approx(point("overconfidence", record), rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.5, 0.75, 1 - 1e-12, 1.0]), st.booleans()), min_size=1, max_size=12),
    st.booleans(),
)
def test_degenerate_answers_give_numbers_in_range_or_none(rows: list[tuple[float, bool]], one_sided: bool) -> None:
    correct = np.ones(len(rows)) if one_sided else np.array([r[1] for r in rows])
    record = binary([r[0] for r in rows], correct)
    for metric in JUDGED:
        if not metric.weighted:
            continue
        with np.errstate(divide="raise", invalid="raise"):
            value = float(metric.function(record, np.ones((1, len(rows))))[0])
        low, high = metric.range
        assert math.isnan(value) or low is None or value >= low - 1e-12, metric.name
        assert math.isnan(value) or high is None or value <= high + 1e-12, metric.name


def test_sums_over_bins() -> None:
    values, index = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([[0, 1, 1], [2, 2, 0]])
    assert binned(values, index, 3).tolist() == [[1, 5, 0], [6, 0, 9]]


def test_null_bias_of_the_ks_error() -> None:
    # 1.25 sqrt(v / n), the mean of the largest |value| of a Brownian motion, less a discreteness of the order 1 / n.
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        confidence = rng.uniform(0.5, 1, 2000)
        draws.append(point("ks-calibration", binary(confidence, rng.random(2000) < confidence)))
    expected = math.sqrt(math.pi / 2 / 6 / 2000)
    error = float(np.std(draws, ddof=1)) / math.sqrt(300)
    assert np.mean(draws) == pytest.approx(expected, abs=4.5 * error + 0.03 * expected)


def test_quadratic_forms_whose_tail_is_known() -> None:
    from scipy.stats import chi2

    for x in (0.3, 3.0, 30.0):
        assert quadratic_tail(np.array([2.0]), x) == pytest.approx(float(chi2.sf(x / 2, 1)), rel=1e-12)
        # Two equal weights: exponential.  Five: chi-square of five degrees.
        assert quadratic_tail(np.array([1.0, 1.0]), x) == pytest.approx(math.exp(-x / 2), abs=1e-6)
        assert quadratic_tail(np.full(5, 0.7), x) == pytest.approx(float(chi2.sf(x / 0.7, 5)), abs=1e-7)
        # Pairs of equal weights: a sum of exponentials of means 2 and 1.
        pairs = 2 * math.exp(-x / 2) - math.exp(-x)
        assert quadratic_tail(np.array([1.0, 1.0, 0.5, 0.5]), x) == pytest.approx(pairs, abs=1e-6)
        assert quadratic_tail(np.array([1.0, 1.0, 1e-14]), x) == pytest.approx(math.exp(-x / 2), abs=1e-6)
    assert quadratic_tail(np.array([1.0, 1.0]), 1e6) == pytest.approx(0, abs=1e-7)
    assert quadratic_tail(np.array([1.0, 1.0]), 0.0) == 1.0
