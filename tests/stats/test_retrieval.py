from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.retrieval import importance, pruned


def _brute(ranked: np.ndarray, utilities: np.ndarray, w: np.ndarray, top: int) -> float:
    total = 0.0
    for kept in itertools.product((0, 1), repeat=len(w)):
        chance = np.prod(np.where(np.array(kept) == 1, w, 1 - w))
        value = 0.0
        for row, gains in zip(ranked, utilities, strict=True):
            used = [g for i, g in zip(row, gains, strict=True) if i >= 0 and kept[i]][:top]
            value += sum(used) / len(ranked)
        total += chance * value
    return total


@pytest.mark.parametrize("top", [1, 2, 5])
def test_value_and_slope_by_enumeration(top: int) -> None:
    rng = np.random.default_rng(top)
    ranked = np.stack([rng.permutation(7)[:5] for _ in range(4)])
    ranked[0, 3:] = -1
    utilities, w = rng.normal(size=(4, 5)), rng.random(7)
    found = importance(ranked, utilities, w, top=top)
    assert found.utility == pytest.approx(_brute(ranked, utilities, w, top))
    for i in range(7):
        high, low = w.copy(), w.copy()
        high[i], low[i] = 1.0, 0.0
        slope = _brute(ranked, utilities, high, top) - _brute(ranked, utilities, low, top)
        assert found.importance[i] == pytest.approx(slope, abs=1e-12)


def test_slopes_are_autograds() -> None:
    import torch

    rng = np.random.default_rng(9)
    ranked = np.stack([rng.permutation(20)[:8] for _ in range(3)])
    utilities, w = rng.normal(size=(3, 8)), rng.uniform(0.2, 0.9, 20)
    t = torch.tensor(w, requires_grad=True)
    total = torch.zeros((), dtype=torch.float64)
    for row, gains in zip(ranked, utilities, strict=True):
        counts = [torch.ones((), dtype=torch.float64)] + [torch.zeros((), dtype=torch.float64)] * 2
        for i, g in zip(row, gains, strict=True):
            total = total + t[i] * g * sum(counts[:3]) / 3
            counts = [counts[0] * (1 - t[i])] + [counts[j] * (1 - t[i]) + counts[j - 1] * t[i] for j in (1, 2)]
    total.backward()  # type: ignore[no-untyped-call]
    assert t.grad is not None
    assert importance(ranked, utilities, w, top=3).importance == pytest.approx(t.grad.numpy())


def test_bad_sources_are_pruned() -> None:
    rng = np.random.default_rng(1)
    good = np.arange(40) % 4 > 0
    ranked = np.stack([rng.permutation(40)[:15] for _ in range(300)])
    utilities = np.where(good[ranked], 1.0, -1.0) / 5
    plain = importance(ranked, utilities, np.ones(40), top=5)
    assert plain.utility == pytest.approx(utilities[:, :5].sum(axis=1).mean())
    halves = importance(ranked, utilities, np.full(40, 0.5), top=5).importance
    assert (halves[~good] < 0).all()
    curve = pruned(ranked, utilities, halves, np.array([1.0, 0.75]), top=5)
    assert curve[0] == pytest.approx(plain.utility)
    assert curve[1] == pytest.approx(1.0)
    with pytest.raises(UsageError):
        importance(ranked, utilities, np.ones(3), top=5)
    with pytest.raises(UsageError):
        importance(ranked, utilities, np.full(40, 1.5), top=5)
