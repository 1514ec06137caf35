from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.subsets import chances, choose, estimate, variance
from tests.stats.simulated import noise


def _items(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 8, 600)
    embeddings = rng.normal(size=(8, 5))[kind] * 4 + 0.3 * rng.normal(size=(600, 5))
    return embeddings, np.array([0.1, 0.1, 0.2, 0.3, 3.0, 0.1, 0.05, 1.0])[kind] * rng.uniform(0.9, 1.1, 600)


def test_unbiased_by_summing_over_items() -> None:
    embeddings, losses = _items()
    found = choose(embeddings, lambda i: losses[i], clusters=8, draws=30, smoothness=0.1, seed=0)
    n, p = len(losses), found.chances
    assert p.sum() == pytest.approx(1)
    assert (p * losses / (n * p)).sum() == pytest.approx(losses.mean())
    second = (p * (losses / (n * p)) ** 2).sum() - losses.mean() ** 2
    assert variance(losses, p, 30) == pytest.approx(second / 30)
    uniform = np.full(n, 1 / n)
    assert variance(losses, p, 30) < variance(losses, uniform, 30) / 20


def test_constant_losses_in_clusters_have_no_error() -> None:
    cluster = np.repeat(np.arange(4), 5)
    values = np.array([1.0, 2.0, 0.5, 4.0])
    p = chances(values, np.zeros(20), cluster, smoothness=0.0)
    pure = values[cluster] / values[cluster].sum()
    assert p == pytest.approx(0.99 * pure + 0.01 / 20)
    assert variance(values[cluster], pure, 10) == pytest.approx(0, abs=1e-15)


def test_coverage_and_clusters() -> None:
    embeddings, losses = _items()
    held = 0
    for seed in range(200):
        found = choose(embeddings, lambda i: losses[i], clusters=4, draws=40, smoothness=0.05, seed=seed)
        whole = estimate(found, losses[found.drawn])
        assert whole.interval.low is not None
        assert whole.interval.high is not None
        held += whole.interval.low <= losses.mean() <= whole.interval.high
    assert held / 200 > 0.95 - noise(0.95, 200)
    assert whole.asked <= 44
    for k, centre in enumerate(found.centres):
        members = np.flatnonzero(found.cluster == k)
        away = ((embeddings[members] - embeddings[members].mean(axis=0)) ** 2).sum(axis=1)
        assert centre == members[away.argmin()]
    with pytest.raises(UsageError):
        chances(np.array([-1.0]), np.zeros(2), np.zeros(2, dtype=np.int64), smoothness=0)
    with pytest.raises(UsageError):
        choose(embeddings, lambda i: losses[i], clusters=0, draws=5, smoothness=0, seed=0)
