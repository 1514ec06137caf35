from __future__ import annotations

import networkx as nx  # type: ignore[import-untyped]
import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import norm, rankdata
from sklearn.linear_model import LogisticRegression

from bench.errors import UsageError
from bench.stats.comparisons import (
    AGGREGATORS,
    additive,
    anchor_scores,
    fitted,
    kwiksort,
    pagerank,
    pairs,
    soft_preferences,
    strengths,
)


def _wins(seed: int, items: int = 6, games: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    q = rng.normal(size=items)
    q -= q.mean()
    p = 1 / (1 + np.exp(-(q[:, None] - q[None])))
    upper = np.triu(rng.binomial(games, p), 1)
    return upper + np.tril((games - upper.T), -1), q


def test_bradley_terry_is_a_logistic_regression() -> None:
    wins, _ = _wins(0)
    i, j = np.triu_indices(6, 1)
    X = np.eye(6)[i] - np.eye(6)[j]
    peer = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-12, max_iter=1000)
    y = np.r_[np.ones(15), np.zeros(15)]
    # Wins of i over j as y = 1 at X, wins of j as y = 0 at the same X.
    peer.fit(np.concatenate([X, X]), y, sample_weight=np.r_[wins[i, j], wins[j, i]])
    coefficients = peer.coef_[0] - peer.coef_[0].mean()
    found = strengths(wins.astype(float))
    assert found.values == pytest.approx(coefficients, abs=1e-5)
    assert found.values.sum() == pytest.approx(0, abs=1e-12)
    assert found.slope < 1e-8


@pytest.mark.parametrize("link", ["bradley-terry", "thurstone"])
def test_planted_strengths_are_found_within_their_errors(link: str) -> None:
    q = np.array([-1.0, -0.3, 0.0, 0.4, 0.9])
    gap = q[:, None] - q[None]
    p = norm.cdf(gap) if link == "thurstone" else 1 / (1 + np.exp(-gap))
    exact = strengths(1000 * p, link=link)  # type: ignore[arg-type]
    assert exact.values == pytest.approx(q, abs=1e-8)
    rng = np.random.default_rng(1)
    draws = []
    for _ in range(200):
        upper = np.triu(rng.binomial(100, p), 1)
        draws.append(strengths((upper + np.tril(100 - upper.T, -1)).astype(float), link=link).values)  # type: ignore[arg-type]
    once = strengths(50 * (p + (1 - p).T), link=link)  # type: ignore[arg-type]
    assert np.std(draws, axis=0) == pytest.approx(once.errors, rel=0.25)


def test_thurstone_map_of_two_items() -> None:
    # q and -q: the slope (P12 - (1 - P12) ...) vanishes at a root that one-dimensional search finds.
    wins = np.array([[0.0, 0.8], [0.2, 0.0]])
    found = strengths(wins, link="thurstone", prior=1.0).values[0]

    def slope(q: float) -> float:
        g = 2 * q
        return 2 * (0.8 * norm.pdf(g) / norm.cdf(g) - 0.2 * norm.pdf(g) / norm.cdf(-g)) - 2 * q

    assert found == pytest.approx(brentq(slope, -3, 3), abs=1e-9)
    rng = np.random.default_rng(2)
    w = rng.random((5, 5))

    def loss(q: np.ndarray) -> float:
        q = q - q.mean()
        terms = w * norm.logcdf(q[:, None] - q[None])
        return float(-terms[~np.eye(5, dtype=bool)].sum() + (q @ q) / 2)

    best = strengths(w, link="thurstone", prior=1.0).values
    for start in (np.zeros(5), rng.normal(size=5)):
        peer = minimize(loss, start, tol=1e-12).x
        assert best == pytest.approx(peer - peer.mean(), abs=1e-5)


def test_soft_levels_and_anchors() -> None:
    assert soft_preferences(np.zeros(5)) == pytest.approx(0.5)
    assert soft_preferences(np.array([0, 0, 0, 0, 50.0])) == pytest.approx(1.0)
    logits = np.log(np.array([[0.1, 0.2, 0.3, 0.2, 0.2]]))
    assert soft_preferences(logits) == pytest.approx([0.25 * 0.2 + 0.15 + 0.15 + 0.2])
    q, a = np.linspace(-1.5, 1.5, 9), np.array([-1.0, 0.0, 1.0])
    scores = anchor_scores(norm.cdf(q[:, None] - a), norm.cdf(a[:, None] - a))
    assert (np.diff(scores) > 0).all()
    assert scores == pytest.approx(-scores[::-1], abs=1e-8)


def test_infinite_scores_are_refused() -> None:
    with pytest.raises(UsageError, match="no finite scores"):
        strengths(np.triu(np.ones((3, 3)), 1))
    assert np.isfinite(strengths(np.triu(np.ones((3, 3)), 1), prior=0.1).values).all()


def test_pairs() -> None:
    assert len(pairs(7, 0, design="all", seed=0)) == 42
    assert pairs(5, 2, design="window", seed=0)[:4].tolist() == [[0, 1], [0, 2], [1, 2], [1, 3]]
    for items, step in ((10, 3), (12, 5), (7, 7)):
        found = pairs(items, step, design="skip", seed=0)
        assert len(found) == items * ((items - 1) // step)
        assert len({tuple(p) for p in found.tolist()}) == len(found)
    drawn = pairs(6, 9, design="random", seed=1)
    assert len({tuple(p) for p in drawn.tolist()}) == 9
    assert (drawn == pairs(6, 9, design="random", seed=1)).all()
    assert (pairs(9, 100, design="window", seed=0)[:, 0] != pairs(9, 100, design="window", seed=0)[:, 1]).all()
    with pytest.raises(UsageError):
        pairs(1, 1, design="window", seed=0)


def test_aggregators_find_the_true_order() -> None:
    rng = np.random.default_rng(3)
    order = rng.permutation(9).astype(float)
    P = 1 / (1 + np.exp(-(order[:, None] - order[None])))
    np.fill_diagonal(P, np.nan)
    for name, aggregate in AGGREGATORS.items():
        assert rankdata(aggregate(P)) == pytest.approx(order + 1), name
    assert rankdata(kwiksort(P, seed=0)) == pytest.approx(order + 1)
    # A third of the pairs is nearly enough; each is told once.
    sparse = np.full((9, 9), np.nan)
    asked = pairs(9, 3, design="window", seed=0)
    sparse[asked[:, 0], asked[:, 1]] = P[asked[:, 0], asked[:, 1]]
    assert rankdata(fitted(sparse, prior=1e-6)) == pytest.approx(order + 1)


def test_pagerank_is_networkxs() -> None:
    rng = np.random.default_rng(4)
    P = rng.random((7, 7))
    P[rng.random((7, 7)) < 0.4] = np.nan
    np.fill_diagonal(P, np.nan)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(7))
    for i in range(7):
        for j in range(7):
            if not np.isnan(P[i, j]):
                for a, b, weight in ((j, i, P[i, j]), (i, j, 1 - P[i, j])):
                    old = graph.get_edge_data(a, b, {"weight": 0.0})["weight"]
                    graph.add_edge(a, b, weight=old + weight)
    peer = nx.pagerank(graph, tol=1e-12)
    assert pagerank(P) == pytest.approx([peer[i] for i in range(7)], abs=1e-8)
    assert additive(np.full((3, 3), np.nan)).tolist() == [0.5, 0.5, 0.5]
