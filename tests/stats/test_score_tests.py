"""Intervals without resamples, against coefficients and shares that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import expit

from bench.stats.crossings import acceptance_ends
from bench.stats.design import Design, design
from bench.stats.score_tests import logistic_ends

REPETITIONS = 60
LEAST = 0.95 - 4.5 * math.sqrt(0.95 * 0.05 / REPETITIONS)


def _design(n: int, size: int) -> Design:
    return design(n) if size == 1 else design(n, groups=np.arange(n) // size)


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("k", [0, 1])
def test_a_coefficient_is_held(k: int, size: int) -> None:
    # Rows of a cluster are one row several times: only robust errors know.
    rng = np.random.default_rng(k)
    held = 0
    for _ in range(REPETITIONS):
        x = np.stack([np.ones(80), rng.normal(size=80)], axis=1)
        y = (rng.random(80) < expit(x @ [0.3, 0.8])).astype(float)
        x, y = np.repeat(x, size, axis=0), np.repeat(y, size)
        ends = logistic_ends(x, y, np.zeros(len(y)), k, _design(len(y), size))
        assert ends.low is not None
        assert ends.high is not None
        held += ends.low <= (0.3, 0.8)[k] <= ends.high
    assert held / REPETITIONS > LEAST


def test_copies_of_rows_in_clusters_add_nothing() -> None:
    rng = np.random.default_rng(0)
    x = np.stack([np.ones(80), rng.normal(size=80)], axis=1)
    y = (rng.random(80) < expit(x @ [0.0, 1.0])).astype(float)
    once = logistic_ends(x, y, np.zeros(80), 1, design(80))
    often = logistic_ends(np.repeat(x, 4, axis=0), np.repeat(y, 4), np.zeros(320), 1, _design(320, 4))
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=1e-4)


def test_separated_classes_have_no_interval() -> None:
    x = np.stack([np.ones(20), np.arange(20.0)], axis=1)
    assert logistic_ends(x, (np.arange(20) > 9).astype(float), np.zeros(20), 1, design(20)).low is None


@pytest.mark.parametrize("size", [1, 5])
def test_the_share_accepted_at_a_risk_is_held(size: int) -> None:
    # An answer of confidence c is wrong with probability 1 - c, c uniform: of the top share s, s / 2 are wrong.
    rng = np.random.default_rng(0)
    held, width = 0, 0.0
    for _ in range(REPETITIONS):
        confidence = np.repeat(rng.random(400), size)
        wrong = np.repeat(rng.random(400), size) > confidence
        ends = acceptance_ends(confidence, wrong, 0.2, _design(len(wrong), size))
        assert ends.low is not None
        assert ends.high is not None
        held += ends.low <= 0.4 <= ends.high
        width += (ends.high - ends.low) / REPETITIONS
    assert held / REPETITIONS > LEAST
    assert width < 0.4
