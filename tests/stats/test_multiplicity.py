from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from bench.errors import UsageError
from bench.stats.maxt import max_t, occupied
from bench.stats.multiplicity import METHODS, adjusted, e_values_rejected, rejected
from bench.stats.ranks import rank_sets
from tests.stats.simulated import noise

PEERS = {"bonferroni": "bonferroni", "holm": "holm", "hochberg": "simes-hochberg", "bh": "fdr_bh", "by": "fdr_by"}


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.01])), min_size=1, max_size=12))
@settings(max_examples=30, deadline=None)
def test_peers(values: list[float]) -> None:
    p = np.array(values)
    for ours, theirs in PEERS.items():
        assert adjusted(p, ours) == pytest.approx(multipletests(p, method=theirs)[1], abs=1e-12), ours  # type: ignore[arg-type]
    assert adjusted(p, "bh") == pytest.approx(false_discovery_control(p, method="bh"))
    assert adjusted(p, "by") == pytest.approx(false_discovery_control(p, method="by"))


def test_hand_worked() -> None:
    p = np.array([0.04, 0.01, 0.03, 0.005])
    assert adjusted(p, "holm") == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert adjusted(p, "hochberg") == pytest.approx([0.04, 0.03, 0.04, 0.02])
    assert adjusted(p, "bh") == pytest.approx([0.04, 0.02, 0.04, 0.02])
    assert adjusted(p, "bonferroni") == pytest.approx([0.16, 0.04, 0.12, 0.02])
    assert adjusted(p, "by") == pytest.approx(np.array([0.04, 0.02, 0.04, 0.02]) * 25 / 12)
    assert rejected(p, "holm").tolist() == [False, True, False, True]
    assert all(len(adjusted(np.zeros(0), m)) == 0 for m in METHODS)


def test_refusals() -> None:
    with pytest.raises(UsageError, match="unknown correction"):
        adjusted(np.zeros(2), "sidak")  # type: ignore[arg-type]
    for p in ([np.nan, 0.1], [1.2], [-0.1]):
        with pytest.raises(UsageError):
            adjusted(np.array(p), "holm")


def test_e_values() -> None:
    # K / (alpha k): 4 / .05 = 80 for the largest, 40 for two, 26.7 for three.
    assert e_values_rejected(np.array([1.0, 79.0, 0.0, 2.0])).tolist() == [False] * 4
    assert e_values_rejected(np.array([27.0, 79.0, 30.0, 2.0])).tolist() == [True, True, True, False]
    assert e_values_rejected(np.array([80.0, 1, 1, 1])).tolist() == [True, False, False, False]
    with pytest.raises(UsageError):
        e_values_rejected(np.array([-1.0]))


def _draws(rng: np.random.Generator, groups: int, checks: int, correlation: float) -> np.ndarray:
    common = rng.normal(size=(groups, 1))
    return np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.normal(size=(groups, checks))


def _family_error(correlation: float, repetitions: int, *, checks: int = 48, groups: int = 60) -> tuple[float, float]:
    """How often max-T and Holm reject anything when nothing differs."""
    from scipy.special import stdtr

    rng = np.random.default_rng(int(100 * correlation))
    false = [0, 0]
    for i in range(repetitions):
        x = _draws(rng, groups, checks, correlation)
        found = max_t(x.mean(axis=0), x / groups, seed=i, resamples=399)
        t = np.abs(found.statistics)
        false[0] += bool((found.p_values <= 0.05).any())
        false[1] += bool(rejected(2 * stdtr(groups - 1, -t), "holm").any())
    return false[0] / repetitions, false[1] / repetitions


def test_max_t_holds_the_family_error_at_any_correlation() -> None:
    for correlation in (0.0, 0.9):
        found, holm = _family_error(correlation, 600)
        assert found == pytest.approx(0.05, abs=noise(0.05, 600))
        assert holm < 0.05 + noise(0.05, 600)


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_max_t_at_length(correlation: float) -> None:
    found, holm = _family_error(correlation, 4000)
    assert 0.035 <= found <= 0.06
    assert holm <= 0.055


def test_max_t_has_more_power_than_holm_under_correlation() -> None:
    from scipy.special import stdtr

    rng = np.random.default_rng(1)
    wins = [0, 0]
    for i in range(150):
        x = _draws(rng, 80, 48, 0.9)
        x[:, 0] += 0.36
        found = max_t(x.mean(axis=0), x / 80, seed=i, resamples=399)
        wins[0] += bool(found.p_values[0] <= 0.05)
        wins[1] += bool(rejected(2 * stdtr(79, -np.abs(found.statistics)), "holm")[0])
    assert wins[0] > wins[1] + 15


def test_max_t_of_one_is_a_t_test_and_sides_agree() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0.3, 1, (50, 1))
    from scipy import stats

    peer = stats.ttest_1samp(x[:, 0], 0)
    found = max_t(x.mean(axis=0), x / 50, seed=0, resamples=9999)
    assert found.statistics[0] == pytest.approx(peer.statistic)
    assert found.p_values[0] == pytest.approx(peer.pvalue, abs=noise(float(peer.pvalue), 9999) + 0.005)
    less = max_t(x.mean(axis=0), x / 50, seed=0, side="less", resamples=9999)
    greater = max_t(-x.mean(axis=0), -x / 50, seed=0, side="greater", resamples=9999)
    assert less.p_values[0] == pytest.approx(greater.p_values[0], abs=0.02)
    assert np.isneginf(less.low[0])
    assert np.isposinf(greater.high[0])


def test_max_t_intervals_hold_all_truths_at_once() -> None:
    rng = np.random.default_rng(3)
    truth = np.linspace(0, 1, 10)
    held = 0
    for i in range(500):
        x = truth + _draws(rng, 40, 10, 0.5)
        found = max_t(x.mean(axis=0), x / 40, seed=i, resamples=399)
        held += bool(((found.low <= truth) & (truth <= found.high)).all())
    assert held / 500 == pytest.approx(0.95, abs=noise(0.95, 500))


def test_max_t_without_variation() -> None:
    rng = np.random.default_rng(4)
    x = np.column_stack([rng.normal(size=30), np.zeros(30), np.ones(30)])
    found = max_t(x.mean(axis=0), (x - x.mean(axis=0)) / 30, seed=0, resamples=199)
    assert found.p_values[1] == 1.0
    assert found.p_values[2] == pytest.approx(1 / 200)
    with pytest.raises(UsageError, match="one cluster"):
        max_t(np.zeros(2), np.zeros((1, 2)), seed=0)


def _coverage(truth: np.ndarray, repetitions: int, *, simultaneous: bool) -> tuple[float, float, float]:
    """Coverage of all ranks at once, of the first model's, and of the naive bootstrap's sets."""
    rng = np.random.default_rng(5)
    count = len(truth)
    best = 1 + (truth[None] > truth[:, None]).sum(axis=1)
    worst = count - (truth[None] < truth[:, None]).sum(axis=1)
    joint = first = naive = 0
    for i in range(repetitions):
        x = truth + _draws(rng, 50, count, 0.5)
        sets = rank_sets(x.mean(axis=0), x / 50, seed=i, simultaneous=simultaneous, resamples=399)
        held = (sets.low <= best) & (worst <= sets.high)
        joint += bool(held.all())
        first += bool(held[0])
        means = rng.multinomial(50, np.full(50, 1 / 50), size=200) @ x
        ranks = 1 + (means[:, None] > means[:, :, None]).sum(axis=2)
        low, high = np.quantile(ranks, [0.025, 0.975], axis=0)
        naive += bool(((low <= best) & (worst <= high)).all())
    return joint / repetitions, first / repetitions, naive / repetitions


def test_rank_sets_cover_where_all_tie_and_the_bootstrap_does_not() -> None:
    joint, _, naive = _coverage(np.zeros(8), 400, simultaneous=True)
    assert joint == pytest.approx(0.95, abs=noise(0.95, 400))
    assert naive < 0.05


def test_marginal_rank_sets() -> None:
    truth = np.repeat([0.0, 0.6, 1.2], 3)
    _, first, _ = _coverage(truth, 400, simultaneous=False)
    assert first > 0.95 - noise(0.95, 400)


def test_rank_sets_by_hand() -> None:
    rng = np.random.default_rng(6)
    x = np.array([3.0, 3.0, 0.0, 9.0]) + 0.1 * rng.normal(size=(200, 4))
    x[:, 1] = x[:, 0]  # the same answers: a tie for ever
    sets = rank_sets(x.mean(axis=0), x / 200, seed=0, resamples=999)
    assert (sets.rank.tolist(), sets.low.tolist(), sets.high.tolist()) == ([2, 2, 4, 1], [2, 2, 4, 1], [3, 3, 4, 1])
    alone = rank_sets(np.array([1.0]), np.ones((3, 1)), seed=0, resamples=99)
    assert (alone.low.tolist(), alone.high.tolist()) == ([1], [1])


def test_empty_folds_are_no_clusters() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 6))
    totals = (x - x.mean(axis=0)) / len(x)
    padded = np.concatenate([totals, np.zeros((160, 6))])
    plain = max_t(x.mean(axis=0), totals, seed=1)
    assert max_t(x.mean(axis=0), occupied(padded), seed=1).p_values == pytest.approx(plain.p_values)
    assert max_t(x.mean(axis=0), padded, seed=1).critical < plain.critical  # what counting them would do
