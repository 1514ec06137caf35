from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.kernels import independence, two_sample
from bench.stats.multiplicity import e_values_rejected
from tests.stats.simulated import noise


def test_wealth_averages_one_over_all_swaps() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 8)), rng.normal(2, 3, size=(2, 8))
    pairs = np.stack([x[0], y[0]])
    wealth = []
    for swap in itertools.product((0, 1), repeat=8):
        order = np.array(swap)
        found = two_sample(pairs[order, np.arange(8)], pairs[1 - order, np.arange(8)])
        wealth.append(found.e_value)
    assert np.mean(wealth) == pytest.approx(1.0)
    assert np.std(wealth) > 0.01
    # Independence: swap z within each pair of samples.
    wealth = []
    for swap in itertools.product((0, 1), repeat=6):
        at = np.arange(12) ^ np.repeat(swap, 2)
        wealth.append(independence(np.r_[x[0], y[0][:4]], np.r_[x[1], y[1][:4]][at]).e_value)
    assert np.mean(wealth) == pytest.approx(1.0)


def test_false_alarms_and_power() -> None:
    rng = np.random.default_rng(1)
    false = [0, 0]
    for _ in range(300):
        false[0] += two_sample(rng.normal(size=80), rng.normal(size=80)).rejected > 0
        false[1] += independence(rng.normal(size=100), rng.normal(size=100)).rejected > 0
    assert max(false) / 300 <= 0.05 + noise(0.05, 300)
    times = []
    for shift in (0.7, 1.5):
        found = [two_sample(rng.normal(size=400), rng.normal(shift, 1, 400)).rejected for _ in range(20)]
        assert min(found) > 0
        times.append(np.mean(found))
    assert times[1] < times[0]
    x = rng.normal(size=600)
    bent = independence(x, x**2 + 0.3 * rng.normal(size=600))
    assert bent.rejected > 0
    values = np.array([bent.e_value, independence(x, rng.normal(size=600)).e_value])
    assert e_values_rejected(values).tolist() == [True, False]


def test_refusals() -> None:
    with pytest.raises(UsageError):
        two_sample(np.zeros(3), np.zeros(4))
    with pytest.raises(UsageError):
        independence(np.zeros(3), np.zeros(3))
