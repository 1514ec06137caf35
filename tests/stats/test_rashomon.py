from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench.errors import UsageError
from bench.stats.rashomon import logistic_set, multiplicity


def _data(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    return x, (rng.random(n) < 1 / (1 + np.exp(-(x @ [0.3, 1.0])))).astype(np.int64)


def test_pools_by_brute_force() -> None:
    rng = np.random.default_rng(1)
    predictions, losses = rng.random((12, 30)), rng.random(12)
    deltas = np.array([0.05, 0.2, 0.5, 1.0])
    baseline = int(losses.argmin())
    before = None
    for epsilon in (0.0, 0.1, 0.3, 1.0):
        found = multiplicity(predictions, losses, baseline=baseline, epsilon=epsilon, deltas=deltas)
        members = [h for h in range(12) if losses[h] <= losses[baseline] + epsilon]
        for j, delta in enumerate(deltas):
            moved = [[abs(predictions[h, i] - predictions[baseline, i]) >= delta for i in range(30)] for h in members]
            assert found.ambiguity[j] == np.mean([any(column) for column in zip(*moved, strict=True)])
            assert found.discrepancy[j] == max(np.mean(row) for row in moved)
        assert (found.ambiguity >= found.discrepancy).all()
        assert (np.diff(found.ambiguity) <= 0).all()
        if before is not None:
            assert (found.ambiguity >= before).all()
        before = found.ambiguity
        if epsilon == 0:
            assert found.ambiguity.tolist() == [0.0] * 4
            assert found.low.tolist() == predictions[baseline].tolist()
    with pytest.raises(UsageError):
        multiplicity(predictions, losses, baseline=12, epsilon=0.1, deltas=deltas)


def test_logistic_set_against_a_dense_grid() -> None:
    x, y = _data()
    points = np.array([[1.0, -2.0], [1.0, 0.0], [1.0, 1.5]])
    epsilon = 0.01
    found = logistic_set(x, y, points, epsilon=epsilon)
    peer = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10).fit(x, y)
    assert found.baseline == pytest.approx(peer.coef_[0], abs=1e-5)
    a, b = np.meshgrid(found.baseline[0] + np.linspace(-0.6, 0.6, 481), found.baseline[1] + np.linspace(-0.9, 0.9, 481))
    grid = np.column_stack([a.ravel(), b.ravel()])
    z = grid @ x.T
    inside = grid[(np.logaddexp(0, z) - y * z).mean(axis=1) <= found.loss + epsilon]
    assert np.abs(inside - found.baseline).max(axis=0) == pytest.approx([0.6, 0.9], abs=0.5)
    p = 1 / (1 + np.exp(-inside @ points.T))
    assert found.low == pytest.approx(p.min(axis=0), abs=2e-3)
    assert found.high == pytest.approx(p.max(axis=0), abs=2e-3)
    assert (found.low <= p.min(axis=0)).all()
    assert found.gap < 1e-6


def test_logistic_multiplicity_grows_with_epsilon() -> None:
    x, y = _data()
    deltas = np.array([0.02, 0.05, 0.1])
    narrow, wide = (logistic_set(x, y, x[:40], epsilon=e).multiplicity(x[:40], deltas) for e in (0.002, 0.02))
    assert (wide.ambiguity >= narrow.ambiguity).all()
    assert wide.ambiguity[0] > narrow.ambiguity[2]
    assert (wide.discrepancy <= wide.ambiguity).all()


def test_separated_classes_need_a_ridge() -> None:
    x = np.column_stack([np.ones(20), np.linspace(-1, 1, 20)])
    y = (x[:, 1] > 0).astype(np.int64)
    with pytest.raises(UsageError, match="no optimum"):
        logistic_set(x, y, x[:2], epsilon=0.01)
    assert logistic_set(x, y, x[:2], epsilon=0.01, ridge=0.1).gap < 1e-6
    with pytest.raises(UsageError):
        logistic_set(x, y, x[:2], epsilon=0.0)
