from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from bench.errors import UsageError
from bench.stats.design import design
from bench.stats.paired import paired_means
from bench.stats.power import detectable, detectable_share, items_needed, power_of_t
from bench.stats.tango import score
from tests.stats.simulated import noise


@pytest.mark.parametrize(("n", "sides"), [(10, 2), (30, 1), (500, 2)])
def test_against_statsmodels(n: int, sides: int) -> None:
    alternative = "two-sided" if sides == 2 else "larger"
    peer = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8, alternative=alternative)
    found = detectable(1 / math.sqrt(n), n - 1, sides=sides)
    assert found == pytest.approx(peer, rel=1e-5)
    assert power_of_t(found, 1 / math.sqrt(n), n - 1, sides=sides) == pytest.approx(0.8)


def test_known_values() -> None:
    assert detectable(1.0, math.inf) == pytest.approx(1.959964 + 0.841621, abs=1e-4)
    assert detectable(1.0, math.inf, sides=1, alpha=0.025) == pytest.approx(1.959964 + 0.841621, abs=1e-5)
    assert power_of_t(0.0, 1.0, 20) == pytest.approx(0.05)
    assert detectable(1.0, 3) > detectable(1.0, 300) > 2.8


def test_power_with_clusters_by_simulation() -> None:
    rng = np.random.default_rng(0)
    groups, size, spread, repetitions = 20, 5, 0.7, 1500
    error = math.sqrt((spread**2 + 1 / size) / groups)
    difference = detectable(error, groups - 1)
    d = design(groups * size, groups=np.repeat(np.arange(groups), size))
    found = 0
    for _ in range(repetitions):
        x = difference + np.repeat(spread * rng.normal(size=groups), size) + rng.normal(size=groups * size)
        p = paired_means(x, np.zeros(len(x)), d).p_value
        found += p is not None and p < 0.05
    assert found / repetitions == pytest.approx(0.8, abs=noise(0.8, repetitions))


def test_shares() -> None:
    for n, psi in ((164, 0.2), (1319, 0.2), (5000, 0.1)):
        d = detectable_share(n, psi)
        assert items_needed(d, psi) == pytest.approx(n)
        rng = np.random.default_rng(n)
        draws = rng.multinomial(n, [(psi + d) / 2, (psi - d) / 2, 1 - psi], size=20_000)
        power = float((score(draws[:, 0], draws[:, 1], n, 0.0) > 1.959964).mean())
        # A normal approximation, whose error falls as 1 / sqrt(n); 0.013 is 4.5 standard errors of the simulation.
        assert power == pytest.approx(0.8, abs=0.013 + 0.25 / math.sqrt(n))
    assert math.isinf(detectable_share(10, 0.2))


@pytest.mark.parametrize(("n", "power", "alarms"), [(164, 0.13, 0.273), (1319, 0.45, 0.067), (5000, 0.90, None)])
def test_passing_at_a_margin_of_two_points(n: int, power: float, alarms: float | None) -> None:
    # Two equal models that differ on 23 % of items, one-sided 5 %: the chances that were measured with another code.
    draws = np.random.default_rng(n).multinomial(n, [0.117, 0.117, 0.766], size=20_000)
    passed = float((score(draws[:, 0], draws[:, 1], n, -0.02) > 1.644854).mean())
    assert passed == pytest.approx(power, abs=0.02)
    if alarms is not None:
        assert ((draws[:, 0] - draws[:, 1]) / n < -0.02).mean() == pytest.approx(alarms, abs=0.02)


def test_refusals() -> None:
    calls: list[Callable[[], float]] = [
        lambda: detectable(0.0, 5),
        lambda: detectable(1.0, 5, power=0.01),
        lambda: detectable_share(10, 0.0),
        lambda: items_needed(0.3, 0.2),
        lambda: power_of_t(1.0, 1.0, 5, sides=3),
    ]
    for call in calls:
        with pytest.raises(UsageError):
            call()
