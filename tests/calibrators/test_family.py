"""The calibrators beside temperature: against peers, on degenerate splits, and as maps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.arrays import Float64s, Ints, Ragged
from bench.calibrators.affine import odir
from bench.calibrators.cape import bin_rates, kernel_rates
from bench.calibrators.prior import prior_matched_weights
from bench.calibrators.rows import class_odds, fold_of
from bench.calibrators.sigmoid import beta_curve
from bench.calibrators.venn_abers import cross_merged, venn_abers_fit
from bench.components import Calibrator, NotApplicable
from bench.config import RunConfig
from bench.records import Choices, Classification, log_softmax
from bench.registry import components, find
from bench.runners.wanted import Wanted, for_record

# Of probabilities; conformal sets have tests of their own.
OF_CLASSES = [n for n, c in components(Calibrator).items() if c.of is Classification and c.area == "calibration"]


def record(logits: Float64s, labels: Ints, **columns: Any) -> Classification:
    return Classification(ids=np.arange(len(labels)).astype(str), labels=labels, logits=logits, **columns)


def drawn(n: int = 400, classes: int = 2, seed: int = 0) -> Classification:
    """Overconfident: labels follow the logits at temperature 3."""
    rng = np.random.default_rng(seed)
    logits = 4 * rng.standard_normal((n, classes))
    return record(logits, (logits / 3 + rng.gumbel(size=logits.shape)).argmax(axis=1))


def two(odds: Float64s, outcome: Any, **columns: Any) -> Classification:
    return record(np.stack([np.zeros_like(odds), odds], axis=1), outcome.astype(np.int64), **columns)


def nll(r: Classification) -> float:
    return float(-r.log_probs[np.arange(len(r)), r.labels].mean())


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize("classes", [2, 4])
def test_every_calibrator_mends_overconfidence(name: str, classes: int) -> None:
    fit, test = drawn(800, classes), drawn(2000, classes, seed=1)
    calibration = find(Calibrator, name).function(fit)
    after = calibration.apply(replace(test, members=np.stack([log_softmax(test.logits)] * 2, axis=1)))
    assert after.members is None
    np.testing.assert_allclose(after.probs.sum(axis=1), 1)
    gap = abs(float((after.confidence - after.correct).mean()))
    before = float((test.confidence - test.correct).mean())
    assert before > 0.1
    assert gap < before / 3
    if name not in {"isotonic", "histogram"}:  # certainties may be wrong
        assert nll(after) < nll(test) - 0.1


@pytest.mark.parametrize("name", OF_CLASSES)
def test_parameters_are_json(name: str) -> None:
    calibration = find(Calibrator, name).function(drawn(60, 3))
    assert json.loads(json.dumps(calibration.parameters)) == calibration.parameters


@pytest.mark.parametrize("name", OF_CLASSES)
def test_order_and_unlabelled_rows_change_nothing(name: str) -> None:
    rng = np.random.default_rng(0)
    base = drawn(90, 3)
    outside = rng.random(90) < 0.2
    whole = replace(base, labels=np.where(outside, -1, base.labels), ood=outside)
    apply = find(Calibrator, name).function(whole).apply
    again = find(Calibrator, name).function(base.take(rng.permutation(np.flatnonzero(~outside)))).apply
    np.testing.assert_allclose(apply(base).probs, again(base).probs, atol=1e-5)


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(
    "case", ["one class", "one row", "one score", "separable", "certain", "absent class", "extreme"]
)
def test_degenerate_splits_give_distributions(name: str, case: str) -> None:
    base = drawn(40, 3)
    fit = {
        "one class": replace(base, labels=np.ones(40, dtype=int)),
        "one row": base.take(np.array([0])),
        "one score": replace(base, logits=np.zeros((40, 3))),
        "separable": replace(base, labels=base.logits.argmax(axis=1)),
        "certain": replace(base, logits=np.where(np.arange(3) == base.labels[:, None], 0.0, -np.inf)),
        "absent class": replace(base, labels=base.labels % 2),
        "extreme": replace(base, logits=1e6 * base.logits),
    }[case]
    after = find(Calibrator, name).function(fit).apply(base)
    assert np.isfinite(after.probs).all()
    np.testing.assert_allclose(after.probs.sum(axis=1), 1)


@pytest.mark.parametrize("name", OF_CLASSES)
def test_no_labelled_rows_is_not_applicable(name: str) -> None:
    nothing = record(np.zeros((2, 3)), np.array([-1, -1]), ood=np.array([True, True]))
    with pytest.raises(NotApplicable):
        find(Calibrator, name).function(nothing)


@pytest.mark.parametrize("name", ["platt", "beta", "isotonic"])
def test_rising_curves_keep_the_ranking(name: str) -> None:
    from sklearn.metrics import roc_auc_score

    fit = drawn(300)
    odds = fit.logits[:, 1] - fit.logits[:, 0]
    after = find(Calibrator, name).function(fit).apply(fit).probs[:, 1]
    before, now = roc_auc_score(fit.labels, odds), roc_auc_score(fit.labels, after)
    if name == "isotonic":
        assert now >= before  # the convex hull of the ROC curve
    else:
        assert now == pytest.approx(before, abs=1e-12)


def test_platt_against_sklearn() -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = (rng.random(300) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    scorer = LogisticRegression().fit(3 * x[:50], y[:50])
    scores = scorer.decision_function(x)
    for name, method in (("platt", "sigmoid"), ("isotonic", "isotonic")):
        peer = CalibratedClassifierCV(FrozenEstimator(scorer), method=method).fit(x[50:200], y[50:200])
        ours = find(Calibrator, name).function(two(scores[50:200], y[50:200]))
        found = ours.apply(two(scores[200:], y[200:])).probs[:, 1]
        np.testing.assert_allclose(found, peer.predict_proba(x[200:])[:, 1], atol=2e-5 if name == "platt" else 1e-9)


def test_isotonic_against_sklearn_with_ties_and_weights() -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(0)
    odds, outcome, w = np.round(rng.normal(size=150), 1), rng.integers(0, 2, 150), rng.uniform(0.1, 3, 150)
    peer = IsotonicRegression(out_of_bounds="clip").fit(odds, outcome, w)
    at = np.linspace(-4, 4, 201)
    found = find(Calibrator, "isotonic").function(two(odds, outcome, weights=w)).apply(two(at, np.zeros(201)))
    np.testing.assert_allclose(found.probs[:, 1], peer.predict(at), atol=1e-12)


def test_beta_against_a_general_optimiser() -> None:
    from scipy.optimize import minimize

    for seed in range(6):
        rng = np.random.default_rng(seed)
        odds = rng.normal(0, 2, 200)
        outcome = (rng.random(200) < 1 / (1 + np.exp(0.3 * odds * rng.choice([-1, 1]) - 0.5))).astype(float)

        def loss(t: Float64s, odds: Float64s = odds, outcome: Float64s = outcome) -> float:
            z = -t[0] * np.logaddexp(0, -odds) + t[1] * np.logaddexp(0, odds) + t[2]
            return float((np.logaddexp(0, z) - outcome * z).sum())

        bounds = [(0, None), (0, None), (None, None)]
        peer = minimize(loss, np.array([1.0, 1.0, 0.0]), method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
        a, b, c, smooth = beta_curve(odds, outcome, np.ones(200))
        assert not smooth
        assert loss(np.array([a, b, c])) <= float(peer.fun) + 1e-6


def test_venn_abers_against_its_package() -> None:
    from venn_abers import VennAbers

    rng = np.random.default_rng(0)
    p = rng.random(200)
    y = (rng.random(200) < p**2).astype(int)
    peer = VennAbers()
    peer.fit(np.stack([1 - p, p], axis=1), y)
    at = rng.random(100)
    mid, ends = peer.predict_proba(np.stack([1 - at, at], axis=1))
    low, high = venn_abers_fit(p, y.astype(float)).interval(at)
    np.testing.assert_allclose(np.stack([low, high], axis=1), ends, atol=1e-9)
    ours = find(Calibrator, "venn-abers").function(two(np.log(p / (1 - p)), y))
    np.testing.assert_allclose(ours.apply(two(np.log(at / (1 - at)), np.zeros(100))).probs[:, 1], mid[:, 1], atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.sampled_from([1.0, 0.5, 3.0])), min_size=1, max_size=14),
    st.integers(-7, 7),
)
def test_venn_abers_is_isotonic_regression_with_the_object_added(
    rows: list[tuple[int, bool, float]], twice: int
) -> None:
    from sklearn.isotonic import IsotonicRegression

    s, y, w = (np.array([float(r[k]) for r in rows]) for k in range(3))
    at = twice / 2
    low, high = venn_abers_fit(s, y, w).interval(np.array([at]))
    assert low[0] <= high[0] + 1e-12
    for label, end in ((0.0, low), (1.0, high)):
        peer = IsotonicRegression().fit(np.append(s, at), np.append(y, label), np.append(w, 1.0))
        assert end[0] == pytest.approx(float(peer.predict([at])[0]), abs=1e-9)


def test_cross_venn_abers_merges_by_geometric_means() -> None:
    p0, p1 = np.array([[0.1, 0.0], [0.4, 1.0]]), np.array([[0.2, 0.5], [0.5, 0.0]])
    one, zero = np.sqrt(0.2 * 0.5), np.sqrt(0.9 * 0.6)
    np.testing.assert_allclose(cross_merged(p0, p1), [one / (one + zero), 0.5])


def test_folds_keep_groups_and_are_even() -> None:
    names = np.repeat(np.arange(17), 3).astype(str)
    fold = fold_of(names, 5)
    assert all(len(set(fold[names == n])) == 1 for n in set(names))
    assert np.ptp(np.bincount(fold, minlength=5)) <= 3
    order = np.random.default_rng(0).permutation(51)
    np.testing.assert_array_equal(fold_of(names[order], 5), fold[order])


def test_log_odds_lose_nothing_near_certainty() -> None:
    logits = np.array([[50.0, 0.0, 1.0], [0.0, -np.inf, 0.0], [3.0, -np.inf, -np.inf]])
    odds = class_odds(logits)
    assert odds[0, 0] == pytest.approx(50 - np.log(1 + np.e), rel=1e-14)
    assert odds[0, 1] == pytest.approx(-50, abs=1e-9)
    assert odds[1].tolist() == [0, -700, 0]
    assert odds[2].tolist() == [700, -700, -700]
    np.testing.assert_allclose(class_odds(np.array([[0.3, 1.7]])), [[-1.4, 1.4]], rtol=1e-14)


@pytest.mark.parametrize("strength", [0.0, 0.01, 1.0])
def test_odir_stands_at_a_minimum(strength: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3))
    labels = (x + rng.gumbel(size=x.shape)).argmax(axis=1)
    weights = rng.uniform(0.5, 2, 150)

    def loss(w: Float64s, b: Float64s) -> float:
        fit = -(weights * log_softmax(x @ w.T + b)[np.arange(150), labels]).sum() / weights.sum()
        off = w[~np.eye(3, dtype=bool)]
        return float(fit + strength * ((off**2).mean() + (b**2).mean()))

    w, b = odir(x, labels, weights, strength)
    least = loss(w, b)
    for _ in range(30):
        assert loss(w + 1e-3 * rng.standard_normal((3, 3)), b + 1e-3 * rng.standard_normal(3)) >= least - 1e-12


def test_dirichlet_of_two_classes_beats_every_beta_curve() -> None:
    fit = drawn(2000)
    losses = {n: nll(find(Calibrator, n).function(fit).apply(fit)) for n in ("dirichlet", "beta", "matrix", "vector")}
    assert losses["dirichlet"] <= losses["beta"] + 1e-3
    assert losses["vector"] <= losses["matrix"] + 1e-3  # with two classes they are one family


def test_a_matrix_of_many_classes_is_refused() -> None:
    many = record(np.zeros((4, 101)), np.arange(4))
    for name in ("matrix", "dirichlet"):
        with pytest.raises(NotApplicable):
            find(Calibrator, name).function(many)


def test_rates_near_predictions_by_direct_sums() -> None:
    rng = np.random.default_rng(0)
    p, y, w = rng.random(60), rng.integers(0, 2, 60).astype(float), rng.uniform(0.5, 2, 60)
    images = np.concatenate([2 * k + sign * p for k in (-1, 0, 1) for sign in (1, -1)])
    kernel = np.exp(-((p[:, None] - images) ** 2) / (2 * 0.05**2)).reshape(60, 6, 60).sum(axis=1) * w
    np.testing.assert_allclose(kernel_rates(p, y, w), kernel @ y / kernel.sum(axis=1), atol=1e-3)
    by_bins = bin_rates(p[:45], y[:45], np.ones(45))
    order = np.argsort(p[:45])
    np.testing.assert_allclose(by_bins[order], np.repeat(y[order].reshape(15, 3).mean(axis=1), 3))


def _choices(loglik: Float64s, labels: Ints) -> Choices:
    return Choices(ids=np.arange(len(labels)).astype(str), labels=labels, loglik=Ragged.of(list(loglik), np.float64))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.sampled_from([0.1, 1.0, 30.0, 300.0]))
@example(337, 5, 30.0)  # where plain Newton steps end on a plateau
@example(116, 2, 300.0)
def test_prior_is_matched_from_any_scores(seed: int, classes: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    loglik = log_softmax(scale * rng.standard_normal((30, classes)) + rng.normal(0, scale, classes))
    prior = rng.dirichlet(np.full(classes, 5.0))
    w = rng.uniform(0.5, 2, 30)
    a = prior_matched_weights(loglik, prior, w)
    assert a.max() == 0
    np.testing.assert_allclose(np.average(np.exp(log_softmax(loglik + a)), axis=0, weights=w), prior, atol=1e-8)


def test_label_matching_has_the_greatest_likelihood() -> None:
    rng = np.random.default_rng(0)
    loglik = log_softmax(2 * rng.standard_normal((300, 2)) + np.array([2.0, 0.0]))
    labels = (log_softmax(loglik - np.array([2.0, 0.0])) + rng.gumbel(size=(300, 2))).argmax(axis=1)
    choices = _choices(loglik, labels)

    def loss(c: Choices) -> float:
        return float(-c.log_probs[np.arange(300), labels].mean())

    losses = {n: loss(find(Calibrator, n).function(choices).apply(choices)) for n in ("prior-matched", "label-matched")}
    grid = [loss(_choices(log_softmax(loglik + np.array([t, 0.0])), labels)) for t in np.linspace(-6, 2, 401)]
    assert losses["label-matched"] <= min(grid) + 1e-9
    assert losses["label-matched"] <= losses["prior-matched"] < loss(choices)


def test_prior_matching_needs_equal_choices_and_reachable_priors() -> None:
    ragged = Choices(
        ids=np.array(["a", "b"]),
        labels=np.zeros(2, dtype=int),
        loglik=Ragged.of([[-1.0, -2], [-1, -2, -3]], np.float64),
    )
    prior = find(Calibrator, "prior-matched").function
    with pytest.raises(NotApplicable):
        prior(ragged)
    impossible = _choices(np.array([[-1.0, -np.inf], [-2.0, -np.inf]]), np.zeros(2, dtype=int))
    with pytest.raises(NotApplicable):
        prior(impossible)
    with pytest.raises(NotApplicable):
        find(Calibrator, "label-matched").function(_choices(np.full((3, 2), -1.0), np.zeros(3, dtype=int)))
    with pytest.raises(NotApplicable):
        prior(_choices(np.full((3, 2), -1.0), np.zeros(3, dtype=int))).apply(ragged)


def test_predictions_are_calibrated_by_the_defaults_only() -> None:
    r = replace(drawn(40), splits=np.where(np.arange(40) < 20, "calibration", "test"))
    wanted: Wanted = for_record(r, RunConfig())
    assert set(wanted.calibrators) & set(OF_CLASSES) == {"temperature"}


def test_every_calibrator_names_a_check() -> None:
    checks = components("check")
    for name, c in components(Calibrator).items():
        if c.origin.startswith("bench."):
            assert c.check in checks, name
