from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.conformal import folds as module
from bench.conformal.folds import minmax, ordered, plus
from bench.errors import UsageError


@given(st.integers(1, 60), st.integers(1, 8), st.floats(0.02, 0.9), st.integers(0, 1000))
def test_against_the_definition(n: int, k: int, alpha: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.normal(size=(3, k))
    high, of_row, scores = low + rng.random((3, k)), rng.integers(0, k, n), rng.normal(size=n) + 1
    lower, upper = plus(low, high, of_row, scores, alpha)
    rank = int(np.ceil((n + 1) * (1 - alpha) - 1e-9))
    for i in range(3):
        if rank > n:
            assert (lower[i], upper[i]) == (-np.inf, np.inf)
            continue
        down, up = sorted(low[i, of_row] - scores), sorted(high[i, of_row] + scores)
        a, b = down[n - rank], up[rank - 1]
        expected = (a, b) if a <= b else ((a + b) / 2, (a + b) / 2)
        assert (lower[i], upper[i]) == pytest.approx(expected)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    arguments = (rng.normal(size=(50, 9)), rng.normal(size=(50, 9)) + 5, rng.integers(0, 9, 40), rng.random(40), 0.2)
    whole = plus(*arguments)
    monkeypatch.setattr(module, "BLOCK", 1)
    for a, b in zip(whole, plus(*arguments), strict=True):
        np.testing.assert_array_equal(a, b)


def test_minmax_holds_plus() -> None:
    rng = np.random.default_rng(0)
    at, of_row, scores = rng.normal(size=(20, 10)), np.arange(10).repeat(5), np.abs(rng.normal(size=50))
    inner, outer = plus(at, at, of_row, scores, 0.1), minmax(at, at, scores, 0.1)
    assert (outer[0] <= inner[0]).all()
    assert (outer[1] >= inner[1]).all()


@pytest.mark.parametrize("method", ["plus", "minmax"])
def test_against_mapie(method: str) -> None:
    from mapie.regression import CrossConformalRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = x @ [1.0, -2] + rng.normal(size=60)
    new = rng.normal(size=(25, 2))
    cut = KFold(5)
    peer = CrossConformalRegressor(LinearRegression(), confidence_level=0.8, method=method, cv=cut)
    expected = peer.fit_conformalize(x, y).predict_interval(new)[1][:, :, 0]
    of_row, at, scores = np.empty(60, dtype=int), [], np.empty(60)
    for k, (kept, out) in enumerate(cut.split(x)):
        one = LinearRegression().fit(x[kept], y[kept])
        of_row[out], scores[out] = k, np.abs(y[out] - one.predict(x[out]))
        at.append(one.predict(new))
    stacked = np.stack(at, axis=1)
    found = plus(stacked, stacked, of_row, scores, 0.2) if method == "plus" else minmax(stacked, stacked, scores, 0.2)
    np.testing.assert_allclose(np.stack(found, axis=1), expected, rtol=1e-9)


def test_crossed_ends_meet_in_the_middle() -> None:
    lower, upper = ordered(np.array([1.0, 3.0, -np.inf]), np.array([2.0, 1.0, np.inf]))
    assert lower.tolist() == [1.0, 2.0, -np.inf]
    assert upper.tolist() == [2.0, 2.0, np.inf]


def test_rows_without_scores_are_refused() -> None:
    with pytest.raises(UsageError):
        plus(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(3, dtype=int), np.zeros(2), 0.1)
