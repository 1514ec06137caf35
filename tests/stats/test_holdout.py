from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from bench.errors import UsageError
from bench.stats.holdout import (
    Ladder,
    MultiplicativeWeights,
    NoisyOracle,
    SparseValidate,
    Thresholdout,
    ask,
    climb,
    hoeffding,
    multiplicative_weights,
    noisy_scale,
    sparse_bound,
    sparse_validate,
    thresholdout,
)


def _pick(n: int, d: int, chosen: int, state: Thresholdout | None, seed: int) -> tuple[float, float]:
    """Dwork et al.'s experiment without signal: (accuracy that the holdout reads, on fresh data)."""
    y = [np.random.default_rng([seed, i]).choice([-1.0, 1.0], n) for i in range(3)]

    def x(i: int) -> np.ndarray:  # made again when needed: it is large
        return np.random.default_rng([seed, 3 + i]).standard_normal((n, d), dtype=np.float32)

    train, held = (y[i].astype(np.float32) @ x(i) / n for i in range(2))
    told = held.astype(np.float64)
    if state is not None:
        for j in range(d):
            answer, state = thresholdout(state, train[j : j + 1], held[j : j + 1])
            told[j] = np.nan if answer.value is None else answer.value
    agreed = (np.sign(train) == np.sign(told)) & (np.minimum(abs(train), abs(told)) >= 1 / math.sqrt(n))
    best = np.argsort(-np.where(agreed, abs(train), 0))[:chosen]
    right = [np.sign(x(i)[:, best] @ np.sign(train[best])) == y[i] for i in range(3)]
    read = float(right[1].mean())
    if state is not None:
        answer, _ = thresholdout(replace(state, budget=10), right[0].astype(float), right[1].astype(float))
        assert answer.value is not None
        read = answer.value
    return read, float(right[2].mean())


def test_a_plain_holdout_is_fooled_and_thresholdout_is_not() -> None:
    n, d = 2000, 2000
    naive, fresh = _pick(n, d, 100, None, 0)
    guarded, honest = _pick(n, d, 100, Thresholdout(threshold=0.09, sigma=0.01, budget=2000, seed=0), 0)
    error = 0.5 / math.sqrt(n)
    assert abs(fresh - 0.5) < 4.5 * error
    assert abs(honest - 0.5) < 4.5 * error
    assert naive > 0.58
    assert abs(guarded - 0.5) < naive - 0.5 - 0.03


@pytest.mark.slow
def test_the_published_experiment() -> None:
    naive, fresh = _pick(10_000, 10_000, 500, None, 1)
    guarded, honest = _pick(10_000, 10_000, 500, Thresholdout(threshold=0.04, sigma=0.01, budget=10_000, seed=0), 1)
    # 500 correlations of 1.525 / sqrt(n) each, the mean of |z| > 1: Phi(.341) = .633, where the paper reads 63 %.
    error = 4.5 * 0.005
    assert naive == pytest.approx(0.633, abs=error)
    assert fresh == pytest.approx(0.5, abs=error)
    assert honest == pytest.approx(0.5, abs=error)
    assert guarded == pytest.approx(0.5, abs=0.04 + error)


def test_without_noise_it_is_the_holdout() -> None:
    rng = np.random.default_rng(0)
    state = Thresholdout(threshold=0.0, sigma=0.0, budget=5, seed=0)
    for i in range(5):
        train, held = rng.random(20), rng.random(30)
        answer, state = thresholdout(state, train, held)
        assert answer.value == pytest.approx(held.mean())
        assert (answer.overfit, answer.budget, state.charged) == (True, 4 - i, i + 1)
    answer, state = thresholdout(state, train, held)
    assert (answer.value, state.asked) == (None, 6)
    close = Thresholdout(threshold=0.5, sigma=0.0, budget=1, seed=0)
    answer, close = thresholdout(close, np.array([0.4]), np.array([0.6]))
    assert (answer.value, answer.overfit, close.budget) == (0.4, False, 1)


def test_a_stored_state_goes_on_the_same() -> None:
    def answers(state: Thresholdout, queries: range) -> tuple[list[float | None], Thresholdout]:
        out = []
        for q in queries:
            rng = np.random.default_rng(q)
            answer, state = thresholdout(state, rng.random(9), rng.random(9) / 2)
            out.append(answer.value)
        return out, state

    start = Thresholdout(threshold=0.05, sigma=0.02, budget=50, seed=3)
    whole, _ = answers(start, range(20))
    first, state = answers(start, range(9))
    second, _ = answers(Thresholdout(**vars(state)), range(9, 20))
    assert whole == first + second
    assert whole != answers(replace(start, seed=4), range(20))[0]


def test_noise_is_laplace() -> None:
    state = Thresholdout(threshold=0.0, sigma=0.1, budget=3000, seed=1)
    drawn = []
    for _ in range(1500):
        answer, state = thresholdout(state, np.zeros(1), np.full(1, 50.0))
        drawn.append((answer.value or 0.0) - 50.0)
    assert stats.kstest(drawn, stats.laplace(scale=0.1).cdf).pvalue > 1e-4
    oracle = NoisyOracle(scale=0.3, budget=1500, seed=1)
    drawn = []
    for _ in range(1500):
        told, oracle = ask(oracle, np.array([0.0, 1.0]))
        drawn.append((told.value or 0.0) - 0.5)
    assert stats.kstest(drawn, stats.laplace(scale=0.3).cdf).pvalue > 1e-4
    assert ask(oracle, np.ones(1))[0].value is None


def test_noise_for_many_queries_composes() -> None:
    scale = noisy_scale(100, 10_000, epsilon=1.0, delta=1e-6)
    e = 1 / (10_000 * scale)
    assert math.sqrt(200 * math.log(1e6)) * e + 100 * e * math.expm1(e) == pytest.approx(1.0)
    assert noisy_scale(400, 10_000, epsilon=1.0, delta=1e-6) == pytest.approx(2 * scale, rel=0.05)
    with pytest.raises(UsageError):
        noisy_scale(0, 10, epsilon=1, delta=0.1)


def test_sparse_validation_counts_its_yeses() -> None:
    state = SparseValidate(budget=2)
    told = []
    for overfits in (False, True, False, True, True, False):
        answer, state = sparse_validate(state, overfits=overfits)
        told.append(answer)
    assert told == [False, True, False, True, None, None]
    assert (state.asked, state.found, state.budget) == (6, 2, 0)
    assert sparse_bound(1, 2, 0.01) == 0.01
    assert sparse_bound(4, 1, 0.01) == pytest.approx(0.04)
    assert sparse_bound(5, 9, 0.01) == pytest.approx(0.16)
    assert sparse_bound(100, 50, 0.01) == 1.0


def test_the_ladder_moves_for_gains_only() -> None:
    state = Ladder(step=0.01)
    told = []
    for loss in (0.5, 0.495, 0.502, 0.4871, 0.3, 0.4):
        best, state = climb(state, np.full(10, loss))
        told.append(best)
    assert told == pytest.approx([0.5, 0.5, 0.5, 0.49, 0.3, 0.3])
    with pytest.raises(UsageError):
        climb(Ladder(step=0), np.zeros(2))


def test_the_ladder_resists_the_boosting_attack() -> None:
    rng = np.random.default_rng(5)
    y = rng.random(1000) < 0.5
    guesses = rng.random((400, 1000)) < 0.5
    losses = (guesses != y).astype(float)

    def attack(told: np.ndarray) -> float:
        majority = guesses[told < np.median(told)].mean(axis=0) > 0.5
        return float((majority != y).mean())

    state, told = Ladder(step=0.05), []
    for row in losses:
        best, state = climb(state, row)
        told.append(best)
    assert attack(losses.mean(axis=1)) < 0.42
    better = np.diff([0.5, *told]) < 0
    assert better.sum() <= 2  # hardly anything is learnt


def test_multiplicative_weights() -> None:
    rng = np.random.default_rng(6)
    size = 64
    held = rng.dirichlet(np.full(size, 0.3))
    state = MultiplicativeWeights(histogram=np.full(size, 1 / size), threshold=0.05, sigma=0.0, budget=10_000, seed=0)
    errors, entropies = [], []
    for _ in range(2000):
        query = (rng.random(size) < 0.5).astype(float)
        before = state
        answer, state = multiplicative_weights(state, query, held)
        assert answer.value is not None
        errors.append(abs(answer.value - held @ query))
        if answer.overfit:
            kept = held > 0
            entropies.append(
                float((held * np.log(np.where(kept, before.histogram / state.histogram, 1.0)))[kept].sum())
            )
    updates = 10_000 - state.budget
    assert max(errors) <= 0.05 + 1e-12
    assert updates == len(entropies) <= 4 * math.log(size) / 0.05**2
    assert max(entropies) < 0  # each update brings it nearer
    spent = replace(state, budget=0)
    assert multiplicative_weights(spent, np.ones(size), held)[0].value == pytest.approx(1.0)


def test_fixed_queries_obey_hoeffding() -> None:
    rng = np.random.default_rng(7)
    width = hoeffding(200, 500)
    assert width == pytest.approx(math.sqrt(math.log(8000) / 1000))
    means = rng.binomial(500, 0.5, size=(300, 200)) / 500
    assert (np.abs(means - 0.5) > width).any(axis=1).mean() <= 0.05
    with pytest.raises(UsageError):
        Thresholdout(threshold=-1, sigma=0, budget=1, seed=0)
