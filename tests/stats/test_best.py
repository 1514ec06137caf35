"""The place of the greatest mean: how often the interval holds it, where all are equal and where one is greater."""

from __future__ import annotations

import math

import numpy as np

from bench.components import Metric
from bench.registry import find
from bench.stats.best import best_ends
from bench.stats.design import design
from bench.stats.intervals import interval
from benchmarks.worlds.pools import VERIFIED, verified


def test_a_place_that_is_clearly_the_greatest_is_the_interval() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4)) + np.array([0.0, 2.0, 0.0, 1.0])
    found = best_ends(values, design(200))
    assert (found.low, found.high) == (1, 1)
    assert best_ends(values, design(200, groups=np.arange(200) // 10)).method == "test inversion (CR1)"


def test_a_place_as_good_as_the_others_is_held_as_often_as_promised() -> None:
    rng = np.random.default_rng(1)
    held = [best_ends(rng.normal(size=(40, 4)), design(40)).low == 0 for _ in range(200)]
    assert abs(np.mean(held) - 0.95) < 4.5 * math.sqrt(0.95 * 0.05 / 200)


def test_columns_that_are_one_another_do_not_exclude_each_other() -> None:
    column, worse = np.random.default_rng(2).normal(size=(2, 50))
    found = best_ends(np.stack([column, column, worse - 2], axis=1), design(50))
    assert (found.low, found.high) == (0, 1)


def test_nothing_that_varies_has_no_interval() -> None:
    assert best_ends(np.ones((10, 3)), design(10)).low is None


def test_the_best_number_of_samples_is_held_in_small_records() -> None:
    rng = np.random.default_rng(3)
    metric = find(Metric, "resample-best-k")
    held = 0
    for seed in range(80):
        ends = interval(metric, verified(rng, 100, clustered=False), seed=seed).interval
        assert ends.low is not None
        assert ends.high is not None
        held += ends.low <= VERIFIED["resample-best-k"] <= ends.high
    # BCa's quantiles of whole numbers held it in 81 of a hundred records.
    assert held >= 74
