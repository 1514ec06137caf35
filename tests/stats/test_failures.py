from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import chisquare

from bench.errors import UsageError
from bench.stats.failures import Search, gaussian, k_dpp, patterns, posterior, search


def test_the_sampler_by_enumeration() -> None:
    rng = np.random.default_rng(0)
    L = gaussian(2 * rng.normal(size=(6, 2)), 1.0) * np.outer(*[rng.uniform(0.3, 1, 6)] * 2)
    subsets = list(itertools.combinations(range(6), 3))
    chance = np.array([np.linalg.det(L[np.ix_(s, s)]) for s in subsets])
    chance /= chance.sum()
    counts = dict.fromkeys(subsets, 0)
    for _ in range(4000):
        counts[tuple(sorted(k_dpp(L, 3, rng=rng).tolist()))] += 1
    seen, expected = np.array(list(counts.values())), 4000 * chance
    assert expected.min() > 5
    assert chisquare(seen, expected).pvalue > 1e-4
    with pytest.raises(UsageError, match="lower rank"):
        k_dpp(np.ones((4, 4)), 2, rng=rng)


def test_posterior_of_a_partition_is_beta_bernoulli() -> None:
    part = np.array([0, 0, 0, 1, 1, 2])
    kernel = (part[:, None] == part).astype(float)
    asked, wrong = np.array([0, 1, 3]), np.array([True, True, False])
    found = posterior(kernel, asked, wrong, (1.0, 3.0))
    assert found == pytest.approx([3 / 6, 3 / 6, 3 / 6, 1 / 5, 1 / 5, 1 / 4])


def _planted(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twenty clusters of items, in three of which the model errs in 90 % of cases, elsewhere in 2 %."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 20, 600)
    centres = np.stack(np.meshgrid(np.arange(5), np.arange(4)), axis=-1).reshape(20, 2) * 4.0
    x = centres[kind] + 0.4 * rng.normal(size=(600, 2))
    return x, rng.random(600) < np.where(kind < 3, 0.9, 0.02), kind


def test_planted_patterns_are_found_sooner_than_by_chance() -> None:
    ours, uniform = np.zeros(3), np.zeros(3)
    for seed in range(6):
        x, wrong, kind = _planted(seed)
        found = search(x, lambda i, w=wrong: w[i], batch=10, rounds=10, bandwidth=1.0, seed=seed)  # type: ignore[misc]
        assert len(np.unique(found.asked)) == 100
        rows = np.random.default_rng(seed).permutation(600)[:100]
        chance = Search(asked=rows, wrong=wrong[rows], chance=found.chance)
        for each, count in ((found, ours), (chance, uniform)):
            balls = [patterns(x, each, radius=2.0, least=least) for least in (4, 8)]
            assert all(kind[b.centre] < 3 for b in balls[0])
            count += [each.wrong.sum(), len(balls[0]), len(balls[1])]
        for ball in patterns(x, found, radius=2.0, least=4):
            assert ball.rate.low is not None
            assert ball.rate.low < 0.9
            assert ball.errors <= ball.asked
            assert (kind[ball.members] == kind[ball.centre]).mean() > 0.9
    assert ours[0] > 1.5 * uniform[0]
    assert ours[1] >= 16  # of 18
    assert ours[2] > uniform[2] + 6
    again = search(x, lambda i: wrong[i], batch=10, rounds=10, bandwidth=1.0, seed=5)
    assert (again.asked == found.asked).all()
    with pytest.raises(UsageError):
        search(x, lambda i: wrong[i], batch=100, rounds=10, bandwidth=1.0, seed=0)
