from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.groupwise import bound, groupwise, online_ridge, regret, sleeping_experts


def _stream(T: int = 1500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(T), rng.uniform(-1, 1, T)])
    groups = np.column_stack([np.ones(T, bool), rng.random(T) < 0.5, rng.random(T) < 0.2])
    centre = 0.5 + np.where(groups[:, 2], -0.3, 0.3) * X[:, 1] + 0.1 * groups[:, 1]
    return X, np.clip(centre + 0.05 * rng.normal(size=T), 0, 1), groups


def test_ridge_is_the_closed_form() -> None:
    X, y, groups = _stream(60)
    found = online_ridge(X, y, groups, ridge=0.7)
    for t in (0, 5, 59):
        for g in range(3):
            inside = groups[:t, g]
            A = 0.7 * np.eye(2) + X[:t][inside].T @ X[:t][inside] + np.outer(X[t], X[t])
            truth = X[t] @ np.linalg.solve(A, X[:t][inside].T @ y[:t][inside]) if groups[t, g] else 0.0
            assert found[t, g] == pytest.approx(truth)
    with pytest.raises(UsageError):
        online_ridge(X, y, groups, ridge=0)


def test_ridge_keeps_its_bound() -> None:
    X, y, groups = _stream()
    found = regret(online_ridge(X, y, groups[:, :1])[:, 0], X, y, groups[:, :1])
    best = np.linalg.lstsq(X, y, rcond=None)[0]
    assert found.regret[0] <= best @ best + 2 * np.log(1 + len(y) * 2 / 2)


def test_groups_have_no_regret_and_one_ridge_has() -> None:
    X, y, groups = _stream()
    together = regret(groupwise(X, y, groups), X, y, groups)
    alone = regret(np.clip(online_ridge(X, y, groups[:, :1])[:, 0], 0, 1), X, y, groups)
    assert alone.slope[2] > 3 * together.slope[2]
    assert alone.worst == 2
    assert together.sizes.tolist() == groups.sum(axis=0).tolist()


def test_one_group_is_the_base_learner() -> None:
    X, y, _ = _stream(200)
    everyone = np.ones((200, 1), bool)
    assert groupwise(X, y, everyone) == pytest.approx(np.clip(online_ridge(X, y, everyone)[:, 0], 0, 1))


def test_hedging_keeps_its_bound_against_an_adversary() -> None:
    rng = np.random.default_rng(1)
    T, G = 3000, 8
    experts, awake = (rng.random((T, G)) < 0.5).astype(float), rng.random((T, G)) < 0.6
    y = np.empty(T)
    # The adversary shows what hurts the learner so far: it answers the side away from the mean of the awake.
    for start in range(0, T, 500):
        y[start : start + 500] = np.where(experts[start : start + 500].mean(axis=1) > 0.5, 0.0, 1.0)
        lured = rng.random(500) < 0.3
        y[start : start + 500][lured] = experts[start : start + 500, 3][lured]
    found = sleeping_experts(experts, y, awake)
    gain = ((found - y) ** 2)[:, None] - (experts - y[:, None]) ** 2
    total = (gain * awake).sum(axis=0)
    assert (total <= bound(awake.sum(axis=0).astype(float), T)).all()
    assert total.max() > 0
    with pytest.raises(UsageError):
        sleeping_experts(experts * 2, y, awake)


def test_hindsight_is_least_squares() -> None:
    X, y, groups = _stream(100)
    best = np.linalg.lstsq(X[groups[:, 1]], y[groups[:, 1]], rcond=None)[0]
    assert regret(X @ best, X, y, groups).regret[1] == pytest.approx(0, abs=1e-12)
    with pytest.raises(UsageError, match="without samples"):
        regret(y, X, y, np.zeros((100, 1), bool))
