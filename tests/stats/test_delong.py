from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bench.errors import UsageError
from bench.stats.delong import auroc, covariance, paired
from bench.stats.design import design
from bench.stats.influence import of_auroc
from bench.stats.paired import paired_influences
from tests.stats.simulated import noise


def _brute(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kernel = [np.sign(s[positive][:, None] - s[~positive][None]) / 2 + 0.5 for s in scores]
    above, below = np.array([k.mean(1) for k in kernel]), np.array([k.mean(0) for k in kernel])
    m, n = kernel[0].shape
    return np.array([k.mean() for k in kernel]), np.cov(above) / m + np.cov(below) / n


def test_against_the_definition_and_sklearn() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    scores = (rng.normal(size=(3, 60)) + positive).round(1)  # with ties
    values, c = covariance(scores, positive)
    truth, variance = _brute(scores, positive)
    assert values == pytest.approx(truth)
    assert c == pytest.approx(variance)
    assert values == pytest.approx([roc_auc_score(positive, s) for s in scores])
    assert (auroc(scores[0], positive).variance or 0) == pytest.approx(c[0, 0])


def test_monotone_maps_and_the_other_sign() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(80) < 0.5
    s = rng.normal(size=80) + positive
    one, other = auroc(s, positive), auroc(np.exp(3 * s), positive)
    assert one == other
    turned = auroc(-s, positive)
    assert turned.value == pytest.approx(1 - one.value)
    assert (turned.low, turned.high) == pytest.approx((1 - (one.high or 0), 1 - (one.low or 0)))


def test_degenerate() -> None:
    positive = np.arange(10) >= 5
    perfect = auroc(np.arange(10.0), positive)
    assert (perfect.value, perfect.low, perfect.high) == (1.0, None, None)
    same = paired(np.arange(10.0), np.arange(10.0), positive)
    assert (same.difference, same.p_value, same.error) == (0.0, 1.0, None)
    with pytest.raises(UsageError, match="no variance"):
        auroc(np.arange(10.0), np.arange(10) == 0)


def test_size_coverage_and_agreement_with_clusters_of_one() -> None:
    rng = np.random.default_rng(2)
    repetitions, m = 1500, 60
    positive = np.arange(2 * m) < m
    truth = 0.7602499389065233  # Phi(1 / sqrt 2)
    rejected = held = 0
    for _ in range(repetitions):
        common = rng.normal(size=2 * m)
        s = 0.7 * common + np.sqrt(0.51) * rng.normal(size=(2, 2 * m)) + positive
        test = paired(s[0], s[1], positive)
        rejected += (test.p_value or 0.0) < 0.05
        held += (test.first.low or 0) <= truth <= (test.first.high or 1)
    assert rejected / repetitions == pytest.approx(0.05, abs=noise(0.05, repetitions))
    assert held / repetitions == pytest.approx(0.95, abs=noise(0.95, repetitions))
    d = design(2 * m)
    linear = paired_influences(of_auroc(s[0], positive, d), of_auroc(s[1], positive, d), d)
    assert linear.difference == pytest.approx(test.difference)
    assert (linear.error or 0) == pytest.approx(test.error or 0, rel=0.01)
