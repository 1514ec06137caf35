"""How far rates are out of order: ends by all orders that are possible, and how often they hold the truth."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from bench.arrays import Float64s, Ints
from bench.components import Metric
from bench.registry import find
from bench.stats.design import design
from bench.stats.intervals import interval
from bench.stats.orderings import order_ends
from benchmarks.worlds.errors import turned_errors

BINS = 5


def _rows(rates: list[float], size: int) -> tuple[Ints, Float64s]:
    """Bins and outcomes, with just these rates."""
    place = np.repeat(np.arange(len(rates)), size)
    right = np.concatenate([np.arange(size) < round(rate * size) for rate in rates]).astype(float)
    return place, right


def test_orders_that_are_certain() -> None:
    rates = [0.9, 0.7, 0.5, 0.3, 0.1]
    falling = order_ends(*_rows(rates, 1000), design(5000))
    rising = order_ends(*_rows(rates[::-1], 1000), design(5000))
    assert (falling.low, falling.high) == (0, 0)
    assert (rising.low, rising.high) == pytest.approx((12 / 20, 12 / 20))  # 4 + 2 + 0 + 2 + 4 of 5 x 4


def test_ends_are_those_of_all_possible_orders() -> None:
    # Of 100 rows a bin rates differ clearly where they are 0.3 apart, and do not where they are 0.1 apart.
    rates = [0.5, 0.9, 0.8, 0.4, 0.1]
    found = order_ends(*_rows(rates, 100), design(500))
    sure = [(j, k) for j in range(BINS) for k in range(BINS) if rates[j] - rates[k] > 0.25]
    distances = [
        sum(abs(rank - k) for k, rank in enumerate(ranks)) / (BINS * (BINS - 1))
        for ranks in permutations(range(BINS))
        if all(ranks[j] < ranks[k] for j, k in sure)
    ]
    assert (found.low, found.high) == pytest.approx((min(distances), max(distances)))
    assert min(distances) < max(distances)


def test_rows_of_one_outcome_say_nothing_of_an_order() -> None:
    found = order_ends(*_rows([1.0] * BINS, 100), design(500))
    assert (found.low, found.high) == pytest.approx((0, 12 / 20))


def test_clusters_of_one_outcome_count_as_few_rows() -> None:
    place, right = _rows([0.6, 0.4], 200)
    alone = order_ends(place, right, design(400))
    together = order_ends(place, right, design(400, groups=np.arange(400) // 40))
    assert (alone.low, alone.high) == (0, 0)
    assert (together.low, together.high) == (0, 1)


def test_one_bin_has_no_order() -> None:
    assert order_ends(*_rows([0.5], 100), design(100)).low is None


def test_the_rank_calibration_error_is_held() -> None:
    rng = np.random.default_rng(0)
    metric = find(Metric, "rank-calibration-error")
    truth = (9 + 7 + 8 * 2) / 90  # ranks 10, 9 and 1 to 8 of bins 1 to 10
    held = 0
    for seed in range(50):
        ends = interval(metric, turned_errors(rng, 1000, clustered=False), seed=seed).interval
        assert ends.low is not None
        assert ends.high is not None
        held += ends.low - 1e-12 <= truth <= ends.high + 1e-12
    # Bootstrap draws reflected at the value held a truth like this in two of three records.
    assert held >= 46
