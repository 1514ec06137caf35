from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.conformal.conditional import lowest_window, worst_slab


@given(st.integers(1, 40), st.floats(0.05, 1), st.integers(0, 10_000))
def test_the_lowest_window_against_all_windows(n: int, share: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 4, n).astype(float)
    weights[0] += 1
    sums = weights * rng.integers(0, 2, n).astype(float)
    least = share * weights.sum()
    ratio, start, end = lowest_window(sums, weights, least)
    every = [
        sums[i:j].sum() / weights[i:j].sum()
        for i in range(n)
        for j in range(i + 1, n + 1)
        if weights[i:j].sum() >= least - 1e-9 and weights[i:j].sum() > 0
    ]
    assert ratio == pytest.approx(min(every), abs=1e-12)
    assert sums[start:end].sum() / weights[start:end].sum() == pytest.approx(ratio)
    assert weights[start:end].sum() >= least - 1e-9


def test_a_slab_is_found_along_a_slanted_direction() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (4000, 2))
    inside = np.abs(x @ [0.6, 0.8] - 0.3) > 0.1
    slab = worst_slab(x[:2000], inside[:2000], mass=0.05, directions=500)
    held = slab.holds(x[2000:])
    assert 0.03 < held.mean() < 0.15
    assert inside[2000:][held].mean() < 0.25 < inside.mean()
