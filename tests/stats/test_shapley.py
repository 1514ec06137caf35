from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.shapley import coalitions, exact, sampled
from bench.stats.shifts import attribute, density_ratio, shift_weights
from tests.stats.simulated import noise


def _by_orders(game: np.ndarray, players: int) -> np.ndarray:
    values = np.zeros(players)
    for order in itertools.permutations(range(players)):
        inside = 0
        for player in order:
            values[player] += game[inside | 1 << player] - game[inside]
            inside |= 1 << player
    return values / math.factorial(players)


def test_against_all_orders_and_axioms() -> None:
    rng = np.random.default_rng(0)
    games = rng.normal(size=(2, 32))
    assert exact(games[0]) == pytest.approx(_by_orders(games[0], 5))
    assert exact(games.T) == pytest.approx(np.stack([exact(g) for g in games], axis=1))
    assert exact(games[0]).sum() == pytest.approx(games[0][-1] - games[0][0])
    assert exact(games[0] + games[1]) == pytest.approx(exact(games[0]) + exact(games[1]))
    inside = coalitions(4)
    dummy = inside[:, 0] * 2.0 + inside[:, 1] * inside[:, 2] * 6.0  # player 3 does nothing, 1 and 2 are alike
    assert exact(dummy) == pytest.approx([2, 3, 3, 0])
    glove = np.minimum(inside[:, 0].astype(float), inside[:, 1:3].any(axis=1))
    assert exact(glove) == pytest.approx([2 / 3, 1 / 6, 1 / 6, 0])
    with pytest.raises(UsageError):
        coalitions(17)
    with pytest.raises(UsageError):
        exact(np.zeros(5))


def test_sampled_orders() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=1 << 6)
    found = sampled(lambda s: table[s @ (1 << np.arange(6))], 6, seed=0, orders=2000)
    assert (np.abs(found.values - exact(table)) < 4.5 * found.errors).all()
    assert found.values.sum() == pytest.approx(table[-1] - table[0])
    additive = sampled(lambda s: s @ np.arange(6.0), 6, seed=0, orders=2)
    assert additive.values == pytest.approx(np.arange(6.0))
    assert additive.errors == pytest.approx(np.zeros(6), abs=1e-12)


def _discrete(seed: int, n: int, shifted: tuple[str, ...]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Chain z -> x -> y of binary variables, and the loss of predicting x for y."""
    rng = np.random.default_rng(seed)
    z = rng.random(n) < (0.8 if "z" in shifted else 0.4)
    x = rng.random(n) < np.where(z, 0.7, 0.9 if "x" in shifted else 0.2)
    y = rng.random(n) < np.where(x, 0.85, 0.4 if "y" in shifted else 0.1)
    return {"z": z, "x": x, "y": y}, (x != y).astype(float)


def _true_weights(s: dict[str, np.ndarray], shifted: tuple[str, ...]) -> dict[str, np.ndarray]:
    w = {name: np.ones(len(s["z"])) for name in "zxy"}
    if "z" in shifted:
        w["z"] = np.where(s["z"], 2.0, 1 / 3)
    if "x" in shifted:
        w["x"] = np.where(s["z"], 1.0, np.where(s["x"], 4.5, 1 / 8))
    if "y" in shifted:
        w["y"] = np.where(s["x"], 1.0, np.where(s["y"], 4.0, 2 / 3))
    return w


def _loss(z: float, x: float, y: float) -> float:
    """Expected loss with p(z), p(x | not z), p(y | not x)."""
    px = z * 0.7 + (1 - z) * x
    return px * 0.15 + (1 - px) * y


def test_discrete_mechanisms_by_enumeration() -> None:
    shifted = ("z", "x", "y")
    source, losses = _discrete(0, 30_000, ())
    _, target_losses = _discrete(1, 30_000, shifted)
    found = attribute(_true_weights(source, shifted), losses, target_losses)
    game = np.array([_loss(0.8 if i & 1 else 0.4, 0.9 if i & 2 else 0.2, 0.4 if i & 4 else 0.1) for i in range(8)])
    truth = exact(game)
    errors = (found.high - found.low) / 3.92
    assert (np.abs(found.phi - truth) < 4.5 * errors).all()
    assert (errors < 0.01).all()
    assert found.phi.sum() == pytest.approx(found.explained)
    assert found.explained + found.residual == pytest.approx(found.change)
    assert abs(found.residual) < 0.02


def test_one_shift_alone_is_told_by_classifiers() -> None:
    source, losses = _discrete(2, 8000, ())
    target, target_losses = _discrete(3, 8000, ("y",))
    graph = {"z": (), "x": ("z",), "y": ("x",)}
    found = attribute(shift_weights(source, target, graph, seed=0), losses, target_losses)
    assert abs(found.phi[0]) < 0.01
    assert abs(found.phi[1]) < 0.01
    assert found.phi[2] == pytest.approx(_loss(0.4, 0.2, 0.4) - _loss(0.4, 0.2, 0.1), abs=0.02)
    assert abs(found.residual) < 0.03
    with pytest.raises(UsageError, match="no such column"):
        shift_weights(source, target, {"q": ()}, seed=0)


def test_gaussian_covariate_shift() -> None:
    # x ~ N(0, 1) to N(1/2, 1), prediction 0, truth 2 x + noise: squared loss 4 (1 + mean^2) + 1.
    rng = np.random.default_rng(4)
    n = 20_000
    x, shifted = rng.normal(size=n), rng.normal(0.5, 1, n)
    y, y_shifted = 2 * x + rng.normal(size=n), 2 * shifted + rng.normal(size=n)
    weights = {"x": np.exp(0.5 * x - 0.125), "y": np.ones(n)}
    found = attribute(weights, y**2, y_shifted**2)
    error = (found.high[0] - found.low[0]) / 3.92
    assert abs(found.phi[0] - 1.0) < 4.5 * error < 0.5
    assert found.phi[1] == 0
    assert found.effective[0] == pytest.approx(n * np.exp(-0.25), rel=0.05)
    estimated = density_ratio(x[:5000, None], shifted[:5000, None], seed=0)
    assert np.corrcoef(estimated, weights["x"][:5000])[0, 1] > 0.98
    assert estimated.mean() == pytest.approx(1)
    with pytest.raises(UsageError):
        attribute({"x": -np.ones(3)}, np.ones(3), np.ones(3))


def test_clusters_widen_the_interval_and_one_has_none() -> None:
    rng = np.random.default_rng(5)
    x = np.repeat(rng.normal(size=200), 5)
    weights, losses = {"x": np.exp(0.5 * x - 0.125)}, np.repeat(rng.random(200), 5)
    plain = attribute(weights, losses, losses)
    clustered = attribute(weights, losses, losses, groups=np.repeat(np.arange(200), 5))
    ratio = (clustered.high - clustered.low) / (plain.high - plain.low)
    assert ratio[0] == pytest.approx(np.sqrt(5), rel=0.02)
    assert np.isnan(attribute(weights, losses, losses, groups=np.zeros(1000)).low[0])


def test_intervals_of_shares_hold_the_truth() -> None:
    held = 0
    for seed in range(300):
        source, losses = _discrete(seed, 400, ())
        found = attribute({"y": _true_weights(source, ("y",))["y"]}, losses, losses)
        held += bool(found.low[0] <= _loss(0.4, 0.2, 0.4) - _loss(0.4, 0.2, 0.1) <= found.high[0])
    assert held / 300 == pytest.approx(0.95, abs=noise(0.95, 300))
