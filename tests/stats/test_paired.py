from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from bench.errors import UsageError
from bench.stats.design import design
from bench.stats.influence import coarse, of_auroc, of_mean, of_metric, of_ratio, of_weighted
from bench.stats.paired import EXACT, paired_influences, paired_means, rademacher, sign_flip, t_test
from tests.metrics.cases import binary, detection, find
from tests.stats.simulated import answers, noise


def test_t_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 37))
    found = paired_means(a, b, design(37))
    peer = stats.ttest_rel(a, b)
    ends = peer.confidence_interval()
    assert (found.statistic, found.p_value) == pytest.approx((peer.statistic, peer.pvalue))
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert (found.df, found.method) == (36, "paired t")


def test_clusters_of_one_size_are_their_means() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 40))
    d = design(40, groups=np.repeat(np.arange(8), 5))
    peer = stats.ttest_rel(a.reshape(8, 5).mean(1), b.reshape(8, 5).mean(1))
    assert paired_means(a, b, d).p_value == pytest.approx(peer.pvalue)


def test_nothing_is_said_of_one_cluster_or_without_variation() -> None:
    one = paired_means(np.arange(4.0), np.zeros(4), design(4, groups=np.zeros(4)))
    assert (one.p_value, one.low, one.high, one.method) == (None, None, None, "none: one cluster")
    same = paired_means(np.arange(4.0), np.arange(4.0), design(4))
    assert (same.difference, same.p_value, same.low) == (0.0, 1.0, None)
    constant = paired_means(np.arange(4.0) + 1, np.arange(4.0), design(4))
    assert (constant.difference, constant.p_value) == (1.0, None)
    with pytest.raises(UsageError, match="not paired"):
        paired_means(np.zeros(3), np.zeros(4), design(4))


def test_sign_flips_by_enumeration() -> None:
    x = np.array([3.0, -1.0, 2.0, 2.0, 0.5, -0.25])
    totals = [abs(np.dot(s, x)) for s in itertools.product((1, -1), repeat=6)]
    assert sign_flip(x, design(6), seed=0) == np.mean(np.array(totals) >= abs(x.sum()) - 1e-12)
    assert sign_flip(np.ones(5), design(5), seed=0) == 2 / 32
    assert sign_flip(np.ones(10), design(10, groups=np.repeat(np.arange(5), 2)), seed=0) == 2 / 32


def test_sign_flips_are_scipys() -> None:
    x = np.random.default_rng(3).normal(0.4, 1, 12)
    peer = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=1 << 12)
    assert sign_flip(x, design(12), seed=0) == pytest.approx(peer.pvalue)


def test_random_sign_flips_near_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(4).normal(0.5, 1, 15)
    exact = sign_flip(x, design(15), seed=0)
    monkeypatch.setattr("bench.stats.paired.EXACT", 3)
    drawn = sign_flip(x, design(15), seed=0)
    assert drawn == pytest.approx(exact, abs=noise(exact, 9999))
    assert drawn == sign_flip(x, design(15), seed=0)
    assert drawn != sign_flip(x, design(15), seed=1)


def test_signs_are_fair() -> None:
    signs = rademacher(np.random.default_rng(0), 4000, 13)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert np.abs(signs.mean(axis=0)).max() < 4.5 / np.sqrt(4000)
    assert np.abs(np.corrcoef(signs.T) - np.eye(13)).max() < 5 / np.sqrt(4000)


def _sizes(clusters: int, size: int, icc: float, repetitions: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(clusters), size)
    clustered, plain = design(len(groups), groups=groups), design(len(groups))
    low = {"t(CR1)": 0, "plain": 0, "flips": 0}
    for i in range(repetitions):
        a, b = (x.astype(np.float64) for x in answers(rng, clusters, size, 0.7, icc))
        p = paired_means(a, b, clustered).p_value, paired_means(a, b, plain).p_value
        low["t(CR1)"] += p[0] is not None and p[0] < 0.05
        low["plain"] += p[1] is not None and p[1] < 0.05
        low["flips"] += sign_flip(a - b, clustered, seed=i, flips=199) <= 0.05
    return {k: v / repetitions for k, v in low.items()}


def test_size_under_clusters() -> None:
    found = _sizes(30, 10, 0.5, 1500, 0)
    assert found["t(CR1)"] == pytest.approx(0.05, abs=noise(0.05, 1500))
    assert found["flips"] == pytest.approx(0.05, abs=noise(0.05, 1500))
    assert found["plain"] > 0.2  # what ignoring the clusters would cost


@pytest.mark.slow
@pytest.mark.parametrize(("clusters", "size"), [(10, 10), (100, 10), (400, 3)])
def test_size_at_length(clusters: int, size: int) -> None:
    found = _sizes(clusters, size, 0.5, 8000, 1)
    assert 0.04 <= found["t(CR1)"] <= 0.06
    # All 2^10 signs of whole numbers: ties count as extreme, so the exact test rejects a little less.
    assert (0.04 if clusters > EXACT else 0.035) <= found["flips"] <= 0.06


def test_auroc_difference_under_clusters_holds_its_size() -> None:
    rng = np.random.default_rng(5)
    clusters, size, repetitions = 40, 5, 800
    groups = np.repeat(np.arange(clusters), size)
    positive = groups % 2 == 0
    d = design(len(groups), groups=groups)
    low = 0
    for _ in range(repetitions):
        both = rng.normal(size=(2, clusters))[:, groups] + rng.normal(size=(2, len(groups))) + positive
        p = paired_influences(of_auroc(both[0], positive, d), of_auroc(both[1], positive, d), d).p_value
        low += p is not None and p < 0.05
    assert low / repetitions == pytest.approx(0.05, abs=noise(0.05, repetitions))


def test_influences_are_derivatives() -> None:
    rng = np.random.default_rng(6)
    n = 60
    w = rng.uniform(0.5, 2, n)
    values, sizes, scores = rng.normal(3, 1, n), rng.uniform(1, 4, n), rng.normal(size=n).round(1)
    positive = rng.random(n) < 0.4
    d = design(n, weights=w)

    def auroc(weights: np.ndarray) -> float:
        return float(roc_auc_score(positive, scores, sample_weight=weights))

    for influence, statistic in (
        (of_mean(values, d), lambda u: u @ values / u.sum()),
        (of_ratio(values, sizes, d), lambda u: u @ values / (u @ sizes)),
        (of_ratio(values, sizes, d, link="exp"), lambda u: np.exp(u @ values / (u @ sizes))),
        (of_ratio(values, sizes, d, link="sqrt"), lambda u: np.sqrt(u @ values / (u @ sizes))),
        (of_auroc(scores, positive, d), auroc),
    ):
        steps = 1e-5 * np.diag(w)
        slopes = np.array([(statistic(w + s) - statistic(w - s)) / 2e-5 for s in steps])
        assert influence.value == pytest.approx(statistic(w))
        assert influence.contributions == pytest.approx(slopes, rel=1e-6, abs=1e-9)
        assert influence.contributions.sum() == pytest.approx(0, abs=1e-12)


def test_jackknife_of_a_mean_is_linear() -> None:
    rng = np.random.default_rng(7)
    x = rng.normal(size=50)
    d = design(50, groups=np.repeat(np.arange(10), 5))
    left_out = of_weighted(lambda w: w @ x / w.sum(axis=1), d)
    assert left_out.totals(d) == pytest.approx(of_mean(x, d).totals(d))


def test_metrics_of_every_shape() -> None:
    rng = np.random.default_rng(8)
    p = rng.uniform(0.5, 1, 80)
    record = binary(p, rng.random(80) < p)
    d = design(80)
    nll = of_metric(find("nll"), record, d)
    assert t_test(nll, d).low is not None
    ece = of_metric(find("ece"), record, d)
    assert 0 < ece.error(d) < 0.1
    scored = detection(rng.normal(size=80), rng.random(80) < 0.5)
    assert of_metric(find("auroc"), scored, d).value == pytest.approx(roc_auc_score(scored.positive, scored.scores))


def test_coarse_designs_keep_the_error() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(size=6000)
    d = design(6000, groups=np.repeat(np.arange(3000), 2))
    rough = coarse(d, seed=0)
    assert rough.groups == 200
    assert coarse(rough, seed=0) is rough
    errors = of_mean(x, rough).error(rough), of_mean(x, d).error(d)
    assert errors[0] == pytest.approx(errors[1], rel=4.5 / np.sqrt(2 * 199))
    with pytest.raises(UsageError, match="one class"):
        of_auroc(x, np.ones(6000, dtype=bool), d)
