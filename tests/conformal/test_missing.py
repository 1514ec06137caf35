from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.conformal import missing
from bench.conformal.thresholds import threshold

NOISE = 0.5


def ends(rows: Float64s) -> tuple[Float64s, Float64s]:
    """An interval about the sum of what is seen, whose width ignores what is not."""
    at = np.nan_to_num(rows).sum(axis=1)
    return at - NOISE, at + NOISE


def drawn(rng: np.random.Generator, n: int, share: float) -> tuple[Float64s, Float64s]:
    x = rng.normal(size=(n, 2))
    y = x.sum(axis=1) + NOISE * rng.normal(size=n)
    return np.where(rng.random((n, 2)) < share, np.nan, x), y


def test_every_pattern_is_covered_where_a_single_threshold_fails() -> None:
    rng = np.random.default_rng(0)
    held: dict[str, list[list[float]]] = {"exact": [], "nested": [], "plain": []}
    for _ in range(120):
        x, y = drawn(rng, 100, 0.3)
        new, truth = drawn(rng, 80, 0.3)
        scores = np.maximum(ends(x)[0] - y, y - ends(x)[1])
        low, high = ends(new)
        q = threshold(scores, 0.1)
        found = {
            "exact": missing.exact(ends, x, y, new, 0.1),
            "nested": missing.nested(ends, x, y, new, 0.1),
            "plain": (low - q, high + q),
        }
        gone = np.isnan(new).sum(axis=1)
        for name, (lower, upper) in found.items():
            inside = (lower <= truth) & (truth <= upper)
            held[name].append([inside[gone == k].mean() if (gone == k).any() else np.nan for k in range(3)])
    rates = {name: np.nanmean(rows, axis=0) for name, rows in held.items()}
    errors = {name: 4.5 * np.nanstd(rows, axis=0) / np.sqrt(120) for name, rows in held.items()}
    assert (rates["exact"] >= 0.9 - errors["exact"]).all()
    assert (rates["nested"] >= 0.9 - errors["nested"]).all()
    assert rates["plain"][2] < 0.8


def test_exact_by_its_definition() -> None:
    rng = np.random.default_rng(1)
    x, y = drawn(rng, 60, 0.3)
    new, _ = drawn(rng, 10, 0.5)
    lower, upper = missing.exact(ends, x, y, new, 0.2)
    for i, row in enumerate(new):
        mask = np.isnan(row)
        keep = [j for j in range(60) if not (np.isnan(x[j]) & ~mask).any()]
        masked = np.where(mask, np.nan, x[keep])
        scores = np.maximum(ends(masked)[0] - y[keep], y[keep] - ends(masked)[1])
        q = threshold(scores, 0.2)
        at = np.nan_to_num(row).sum()
        assert (lower[i], upper[i]) == (at - NOISE - q, at + NOISE + q)


def test_nested_by_its_definition() -> None:
    rng = np.random.default_rng(2)
    x, y = drawn(rng, 40, 0.3)
    new, _ = drawn(rng, 6, 0.5)
    lower, upper = missing.nested(ends, x, y, new, 0.2)
    for i, row in enumerate(new):
        down, up = [], []
        for j in range(40):
            joined = np.isnan(row) | np.isnan(x[j])
            low, high = (e[0] for e in ends(np.where(joined, np.nan, x[j])[None]))
            score = max(low - y[j], y[j] - high)
            low, high = (e[0] for e in ends(np.where(joined, np.nan, row)[None]))
            down.append(low - score)
            up.append(high + score)
        rank = int(np.ceil(41 * 0.8))
        assert lower[i] == sorted(down)[40 - rank]
        assert upper[i] == sorted(up)[rank - 1]


def test_patterns_that_nobody_shows_have_no_end() -> None:
    x = np.full((30, 2), np.nan)
    lower, upper = missing.exact(ends, x, np.zeros(30), np.zeros((1, 2)), 0.1)
    assert (lower[0], upper[0]) == (-np.inf, np.inf)
    assert np.isfinite(missing.nested(ends, x, np.zeros(30), np.zeros((1, 2)), 0.1)).all()
    assert not np.isfinite(missing.nested(ends, x[:5], np.zeros(5), np.zeros((1, 2)), 0.1)).any()
