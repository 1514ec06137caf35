"""Pools: pass@k, maj@k, resampling until a verifier passes."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.arrays import Ragged
from bench.components import Metric, NotApplicable
from bench.efficiency.runtime import pareto
from bench.errors import UsageError
from bench.metrics.pools import maj_at_k, pass_at_k
from bench.metrics.resampling import accuracy_and_errors, best_k, resampled
from bench.records import Generations
from bench.registry import chosen
from bench.stats.intervals import interval, value


def _record(answers: list[list[str]], targets: list[str], passes: list[list[bool]] | None = None) -> Generations:
    corrects = [[a == t and a != "" for a in row] for row, t in zip(answers, targets, strict=True)]
    return Generations(
        ids=np.arange(len(answers)).astype(str),
        answer=np.array([row[0] for row in answers], dtype=object),
        correct=np.array([row[0] for row in corrects]),
        confidence=np.full(len(answers), 0.5),
        text=Ragged.of(answers, object),
        logprob=Ragged.of([[-1.0] * len(row) for row in answers], np.float64),
        tokens=Ragged.of([[5] * len(row) for row in answers], np.int64),
        answers=Ragged.of(answers, object),
        corrects=Ragged.of(corrects, np.bool_),
        passes=None if passes is None else Ragged.of(passes, np.bool_),
        target=np.array(targets, dtype=object),
    )


def _value(name: str, record: Generations) -> float:
    number = value(chosen(Metric, name), record)
    assert number is not None
    return number


@given(st.integers(1, 60), st.data())
def test_pass_at_k_is_the_ratio_of_binomials(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    exact = 1 - comb(n - c, k) / comb(n, k)
    assert pass_at_k(np.array([c]), np.array([n]), k)[0] == pytest.approx(exact, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=1, max_size=8), st.data())
def test_maj_at_k_is_the_mean_over_subsets(pool: list[str], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(pool)))
    names = sorted({answer for answer in pool if answer})
    votes = [pool.count(name) for name in names]
    right = [name in {"a", "c"} for name in names]  # equivalent answers may be written apart

    def elected(some: tuple[str, ...]) -> float:
        counts = {name: some.count(name) for name in names if name in some}
        top = [name for name, count in counts.items() if count == max(counts.values())]
        return sum(name in {"a", "c"} for name in top) / len(top) if top else 0.0

    expected = np.mean([elected(some) for some in combinations(pool, k)])
    assert maj_at_k(votes, right, len(pool), k) == pytest.approx(expected, abs=1e-12)


def test_large_pools_are_exact_and_quick() -> None:
    # Two answers, 60 and 40 of 100: with k = 1 the share, with k = 100 the winner.
    assert maj_at_k([60, 40], [True, False], 100, 1) == pytest.approx(0.6)
    assert maj_at_k([60, 40], [True, False], 100, 100) == 1
    assert maj_at_k([60, 40], [False, True], 100, 100) == 0


def test_metrics_of_a_record() -> None:
    record = _record([["1", "2", "2"], ["", "3", "4"]], ["2", "3"])
    assert _value("pass-at-k,k=1", record) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert _value("pass-at-k,k=3", record) == 1
    assert _value("maj-at-k,k=3", record) == pytest.approx((1 + 0.5) / 2)
    assert _value("selection-gap", record) == 1
    assert _value("accuracy-per-kilotoken", record) == 0
    with pytest.raises(NotApplicable, match="k is 4"):
        _value("pass-at-k,k=4", record)
    with pytest.raises(UsageError, match="k cannot be 0"):
        _value("pass-at-k,k=0", record)


def test_verified_pools() -> None:
    passes = [[True, True, False], [True, False, False]]
    record = _record([["1", "2", "2"], ["5", "3", "4"]], ["2", "3"], passes)
    assert _value("verifier-fpr", record) == pytest.approx(2 / 3)
    assert _value("resample-ceiling", record) == pytest.approx(0.25)
    assert _value("resample-right,k=3", record) == pytest.approx(0.25)
    assert _value("resample-wrong,k=3", record) == pytest.approx(0.75)
    assert _value("resample-wrong,k=1", record) == pytest.approx((1 / 3 + 1 / 3) / 2)
    assert _value("resample-best-k", record) == 0
    assert interval(chosen(Metric, "resample-right,k=2"), record, seed=0).interval.low is not None
    with pytest.raises(NotApplicable, match="verifier"):
        _value("verifier-fpr", _record([["1"]], ["1"]))


def test_more_costly_errors_mean_fewer_samples() -> None:
    p, f = np.array([0.5, 0.1, 0.01]), np.array([0.05, 0.05, 0.05])
    best = [best_k(p, f, cost=cost) for cost in (0.5, 1.0, 3.0, 100.0)]
    assert best == sorted(best, reverse=True)
    assert best[-1] == 0
    assert best_k(p, f, cost=0.0, sample_cost=0.05) < best_k(p, f, cost=0.0, sample_cost=0.001)


def test_chances_sum_to_one_and_degenerate_verifiers() -> None:
    ks = np.array([1, 3, 50])
    found = resampled(np.array([0.2, 0.0, 1.0]), np.array([0.3, 0.0, 0.5]), ks)
    a = np.array([0.2 + 0.8 * 0.3, 0.0, 1.0])
    np.testing.assert_allclose(found.right + found.wrong + (1 - a[:, None]) ** ks, 1, atol=1e-12)
    np.testing.assert_allclose(found.samples[1], ks)  # nothing ever passes: all are drawn


def test_front_and_correlation() -> None:
    assert pareto(np.array([1, 1, 2]), np.array([0.5, 0.5, 0.5])).tolist() == [True, True, False]
    assert accuracy_and_errors(np.array([0.1, 0.5, 0.9]), np.array([0.3, 0.2, 0.1])) == pytest.approx(-1)
