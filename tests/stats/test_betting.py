from __future__ import annotations

import itertools

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.betting import (
    confidence_sequence,
    first_reach,
    judge,
    log_wealth,
    mixed_log_wealth,
    newton_bets,
)
from bench.stats.verdicts import Verdict
from tests.stats.simulated import noise

LIMITS = (-1.0, 1.0)


def test_wealth_is_a_martingale_by_enumeration() -> None:
    # Rademacher payoffs: all 2^8 streams, equally likely; wealth must average 1 after each step, to rounding.
    streams = np.array(list(itertools.product((-1.0, 1.0), repeat=8)))
    for side in ("greater", "less"):
        wealth = np.exp(log_wealth(streams, 0.0, side=side, limits=LIMITS))
        assert wealth.mean(axis=0) == pytest.approx(np.ones(8))
        assert (wealth > 0).all()
    bets = newton_bets(np.tanh(streams))
    assert np.cumprod(1 + bets * np.tanh(streams), axis=1).mean(axis=0) == pytest.approx(np.ones(8))


def test_skewed_means_too() -> None:
    # Mean .2 of values 0 and 1: weights of the streams are their chances.
    streams = np.array(list(itertools.product((0.0, 1.0), repeat=9)))
    chance = np.prod(np.where(streams == 1, 0.2, 0.8), axis=1)
    for side in ("greater", "less"):
        wealth = np.exp(log_wealth(streams, 0.2, side=side, limits=(0.0, 1.0)))
        assert chance @ wealth == pytest.approx(np.ones(9))
    below = np.exp(log_wealth(streams, 0.3, side="greater", limits=(0.0, 1.0)))
    assert (chance @ below <= 1 + 1e-12).all()  # the mean is at most .3: no gain expected


def test_bets_only_know_what_was_before() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 30)
    changed = x.copy()
    changed[20:] = 1.0
    both = [log_wealth(v, 0.1, side="greater", limits=LIMITS) for v in (x, changed)]
    assert both[0][:20] == pytest.approx(both[1][:20], abs=0)
    by_hand = [0.0]
    y = (x + 1) / 2
    for t in range(3):
        centre = (0.5 + y[:t].sum()) / (t + 1)
        means = [(0.5 + y[: i + 1].sum()) / (i + 2) for i in range(t)]
        spread = (0.25 + sum((y[i] - means[i]) ** 2 for i in range(t))) / (t + 1)
        bet = min(max((centre - 0.55) / (spread + (centre - 0.55) ** 2), 0), 0.5 / 0.55)
        by_hand.append(by_hand[-1] + np.log1p(bet * (y[t] - 0.55)))
    assert both[0][:3] == pytest.approx(by_hand[1:])


def _differences(rng: np.random.Generator, streams: int, n: int, drop: float) -> np.ndarray:
    """Paired differences of right answers: 20 % discordant."""
    return rng.choice([1.0, -1.0, 0.0], p=[0.1 - drop / 2, 0.1 + drop / 2, 0.8], size=(streams, n))


def test_both_boundaries_hold_under_peeking() -> None:
    rng = np.random.default_rng(1)
    x = _differences(rng, 2000, 1319, 0.02)  # just at the margin
    for side in ("less", "greater"):
        log = log_wealth(x, -0.02, side=side, limits=LIMITS)
        assert (first_reach(log, alpha=0.025) > 0).mean() <= 0.025 + noise(0.025, 2000)
    n = np.arange(1, 1320)
    z = (np.cumsum(x + 0.02, axis=1) / np.sqrt(0.2 * n))[:, 29:]
    assert (np.abs(z) > 1.96).any(axis=1).mean() > 0.2  # what peeking with z costs


def test_bad_models_are_stopped_early() -> None:
    rng = np.random.default_rng(2)
    found = [judge(x, margin=0.02) for x in _differences(rng, 200, 1319, 0.10)]
    assert np.mean([f.verdict is Verdict.FAIL for f in found]) > 0.95
    assert np.mean([f.stop for f in found]) < 600
    good = judge(_differences(rng, 1, 5000, -0.05)[0], margin=0.02)
    assert good.verdict is Verdict.PASS
    unsure = judge(np.zeros(5), margin=0.02)
    assert (unsure.verdict, unsure.stop) == (Verdict.INCONCLUSIVE, 5)


def test_confidence_sequences_hold_at_all_times() -> None:
    rng = np.random.default_rng(3)
    missed, widths = 0, []
    for _ in range(150):
        low, high = confidence_sequence(rng.beta(2, 6, 200), limits=(0.0, 1.0), grid=100)
        missed += bool(((low > 0.25) | (high < 0.25)).any())
        widths.append(high - low)
        assert (np.diff(high - low) <= 1e-12).all()
    assert missed / 150 <= 0.05 + noise(0.05, 150)
    assert np.mean(widths, axis=0)[-1] < 0.12


def test_two_sided_wealth_is_the_mean_of_both() -> None:
    x = np.random.default_rng(4).uniform(-1, 1, 20)
    sides = [np.exp(log_wealth(x, 0.0, side=s, limits=LIMITS)) for s in ("greater", "less")]
    assert np.exp(mixed_log_wealth(x, 0.0, limits=LIMITS)) == pytest.approx((sides[0] + sides[1]) / 2)


def test_newton_bets_by_hand() -> None:
    rate = 2 / (2 - np.log(3))
    bets = newton_bets(np.array([0.5, -0.2, 0.1]))
    second = min(0.5, rate * 0.5 / 1.25)
    slope = 0.2 / (1 - 0.2 * second)
    third = np.clip(second - rate * slope / (1.25 + slope**2), -0.5, 0.5)
    assert bets == pytest.approx([0.0, second, third])


def test_refusals() -> None:
    for x, mean in ((np.array([1.5]), 0.0), (np.array([np.nan]), 0.0), (np.zeros(0), 0.0), (np.zeros(2), 1.5)):
        with pytest.raises(UsageError):
            log_wealth(x, mean, side="less", limits=LIMITS)
    with pytest.raises(UsageError):
        judge(np.zeros((2, 2)), margin=0.0)
    with pytest.raises(UsageError):
        newton_bets(np.array([1.1]))
