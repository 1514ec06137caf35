from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from bench.errors import UsageError
from bench.stats.controls import Gaussian, adaptive, expectations


def _laws(x: np.ndarray) -> np.ndarray:
    return np.stack([norm.logpdf(x[:, 0], m, 1) for m in (0.0, 0.5, -0.3)], axis=1)


def _values(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, 0] ** 2, x[:, 0], (x[:, 0] < -1).astype(float)], axis=1)


TRUTH = np.array([1.0, 0.5, float(norm.cdf(-0.7))])
START = Gaussian(mean=np.array([0.2]), covariance=np.array([[2.0]]))


def test_it_is_the_intercept_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    x = START.draw(500, rng)
    w = np.exp(_laws(x) - START.log(x)[:, None])
    found = expectations(w, _values(x))
    design = np.column_stack([np.ones(500), w - 1])
    peer = np.linalg.lstsq(design, w * _values(x), rcond=None)[0]
    assert found.values == pytest.approx(peer[0], rel=1e-10)
    assert found.coefficients == pytest.approx(peer[1:].T, rel=1e-8)
    assert (found.gain >= 1 - 1e-9).all()
    assert found.gain[0] > 1.1
    assert START.log(x) == pytest.approx(multivariate_normal(START.mean, START.covariance).logpdf(x))
    with pytest.raises(UsageError):
        expectations(w[:3], _values(x)[:3])


def test_estimates_are_unbiased_and_errors_are_right() -> None:
    rng = np.random.default_rng(1)
    x = START.draw(2000, rng)
    frozen = expectations(np.exp(_laws(x) - START.log(x)[:, None]), _values(x)).coefficients
    draws, errors, plain = [], [], []
    for _ in range(500):
        x = START.draw(300, rng)
        w = np.exp(_laws(x) - START.log(x)[:, None])
        found = expectations(w, _values(x), coefficients=frozen)
        draws.append(found.values)
        errors.append(np.diag(found.covariance))
        plain.append((w * _values(x)).mean(axis=0))
    spread = np.std(draws, axis=0)
    assert (np.abs(np.mean(draws, axis=0) - TRUTH) < 4.5 * spread / np.sqrt(500)).all()
    assert np.sqrt(np.mean(errors, axis=0)) == pytest.approx(spread, rel=4.5 / np.sqrt(2 * 500))
    assert (spread <= np.std(plain, axis=0)).all()


def test_adaptation_finds_the_tail() -> None:
    # P(x > 4) and P(y > 4) for standard normals: the proposal must go there.
    def laws(x: np.ndarray) -> np.ndarray:
        return np.tile(norm.logpdf(x).sum(axis=1)[:, None], (1, 2))

    def tails(x: np.ndarray) -> np.ndarray:
        return (x.sum(axis=1)[:, None] > np.array([4.0, 4.5])).astype(float)

    truth = norm.sf(np.array([4.0, 4.5]) / np.sqrt(2))
    start = Gaussian(mean=np.zeros(2), covariance=4 * np.eye(2))
    found = [adaptive(laws, tails, start, batch=500, budget=6000, seed=s) for s in range(60)]
    values = np.array([f.expectations.values for f in found])
    assert (np.abs(values.mean(axis=0) - truth) < 4.5 * values.std(axis=0, ddof=1) / np.sqrt(60)).all()
    assert (values.std(axis=0) < np.sqrt(truth * (1 - truth) / 6000) / 3).all()  # plain Monte Carlo, three times worse
    assert np.mean([f.proposal.mean.sum() for f in found]) > 2
    assert all(500 <= f.spent <= 3000 for f in found)
    with pytest.raises(UsageError):
        adaptive(laws, tails, start, batch=5, budget=100, seed=0)
