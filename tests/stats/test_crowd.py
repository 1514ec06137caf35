from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.crowd import agreement, bayes, consensus, draw, sampling_chances
from tests.stats.simulated import noise


def test_bayes_by_brute_force() -> None:
    right, wrong, prior = np.array([0.9, 0.6, 0.75]), np.array([0.8, 0.7, 0.95]), 0.3
    ratings = np.array(list(itertools.product((0, 1, np.nan), repeat=3)))
    for row, found in zip(ratings, bayes(ratings, right, wrong, prior), strict=True):
        one, zero = prior, 1 - prior
        for r, a, b in zip(row, right, wrong, strict=True):
            if not np.isnan(r):
                one, zero = one * (a if r else 1 - a), zero * (1 - b if r else b)
        assert found == pytest.approx(one / (one + zero))
    assert bayes(np.array([[1.0]]), np.array([1.0]), np.array([1.0]), 0.5).tolist() == [1.0]


def test_qualities_are_found() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(3000) < 0.35
    right, wrong = np.array([0.9, 0.7, 0.8, 0.65]), np.array([0.85, 0.9, 0.7, 0.8])
    ratings = np.where(labels[:, None], rng.random((3000, 4)) < right, rng.random((3000, 4)) > wrong).astype(float)
    ratings[rng.random((3000, 4)) < 0.2] = np.nan
    found = consensus(ratings)
    assert found.sensitivity == pytest.approx(right, abs=0.06)
    assert found.specificity == pytest.approx(wrong, abs=0.06)
    assert found.prior == pytest.approx(0.35, abs=0.05)
    majority = np.nansum(2 * ratings - 1, axis=1) > 0
    assert ((found.posterior > 0.5) == labels).mean() > (majority == labels).mean()


def test_em_climbs_to_a_stationary_point() -> None:
    # With flat priors the fit is a maximum of the likelihood: no small step gains.
    rng = np.random.default_rng(1)
    labels = rng.random(300) < 0.5
    ratings = np.where(labels[:, None], rng.random((300, 5)) < 0.8, rng.random((300, 5)) > 0.8).astype(float)
    found = consensus(ratings, right=(1, 1))

    def likelihood(a: np.ndarray, b: np.ndarray, p: float) -> float:
        one = np.where(ratings == 1, a, 1 - a).prod(axis=1) * p
        return float(np.log(one + np.where(ratings == 1, 1 - b, b).prod(axis=1) * (1 - p)).sum())

    best = likelihood(found.sensitivity, found.specificity, found.prior)
    for i in range(5):
        for step in (-1e-3, 1e-3):
            moved = found.sensitivity + step * (np.arange(5) == i)
            assert likelihood(moved, found.specificity, found.prior) < best
    with pytest.raises(UsageError):
        consensus(np.full((2, 2), np.nan))


def _population(active: float, slope: float) -> tuple[np.ndarray, np.ndarray, float]:
    rng = np.random.default_rng(2)
    signal = np.where(rng.random(20_000) < active, rng.normal(4, 1, 20_000), rng.normal(0, 0.2, 20_000))
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-(signal - 2) * slope))).astype(float)
    return signal, labels, float(np.corrcoef(signal, labels)[0, 1])


def test_agreement_is_cheaper_where_the_signal_is_rare() -> None:
    rng = np.random.default_rng(2)
    signal, active = rng.normal(0, 0.2, 20_000), rng.random(20_000) < 0.05
    signal[active] = rng.normal(4, 1, active.sum())
    labels = (active & (rng.random(20_000) < 0.8)).astype(float)
    truth = float(np.corrcoef(signal, labels)[0, 1])
    p, flat = sampling_chances(signal), np.full(20_000, 1 / 20_000)
    assert p.sum() == pytest.approx(1)
    spread = []
    for chances in (p, flat):
        rows = [draw(chances, 400, seed=i) for i in range(200)]
        found = [agreement(signal[r], labels[r], chances[r]).value for r in rows]
        spread.append(np.mean((np.array(found) - truth) ** 2))
    assert spread[0] < spread[1] / 2
    assert agreement(signal, labels, flat).value == pytest.approx(truth)
    with pytest.raises(UsageError):
        sampling_chances(np.ones(4))
    with pytest.raises(UsageError):
        agreement(np.ones(5), labels[:5], p[:5])


def test_agreement_holds_the_truth() -> None:
    signal, labels, truth = _population(0.3, 1.0)
    p = sampling_chances(signal)
    found = [agreement(signal[r], labels[r], p[r]) for r in (draw(p, 200, seed=i) for i in range(400))]
    assert np.mean([f.low <= truth <= f.high for f in found]) == pytest.approx(0.95, abs=noise(0.95, 400))
    values = np.array([f.value for f in found])
    assert values.mean() == pytest.approx(truth, abs=0.01)  # consistent: a ratio is biased in order 1 / n
    assert np.mean([f.error for f in found]) == pytest.approx(values.std(), rel=0.1)
