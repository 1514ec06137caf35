from __future__ import annotations

import numpy as np

from bench.metrics.strata import strata, violation, worst


def test_strata_by_loops() -> None:
    rng = np.random.default_rng(0)
    covered, names = rng.random(50) < 0.8, rng.choice(["a", "b", "c"], 50)
    w = rng.random((4, 50))
    expected = np.array([[np.average(covered[names == s], weights=row[names == s]) for s in "abc"] for row in w])
    found = strata(covered, names)
    np.testing.assert_allclose(found(w), expected)
    np.testing.assert_allclose(worst(found(w)), expected.min(axis=1))
    np.testing.assert_allclose(violation(found(w), 0.9), np.abs(expected - 0.9).max(axis=1))
    only_a = (names == "a").astype(float)[None]
    assert worst(found(only_a))[0] == covered[names == "a"].mean()
    assert np.isnan([worst(found(0 * only_a))[0], violation(found(0 * only_a), 0.9)[0]]).all()
