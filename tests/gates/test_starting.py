"""A first policy: what it bears follows from the samples, not from the loss that two runs happen to show."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bench.arrays import Bools
from bench.comparing.evidence import Side
from bench.errors import NotComparableError
from bench.gates.judging import gate
from bench.gates.policy import read
from bench.gates.starting import policy_text
from bench.stats.wilson import wilson
from tests.gates.worlds import cell, number, paired, side

TODAY = date(2027, 1, 1)


def world(right: Bools) -> Side:
    """A run of these answers (n,), whose accuracy has Wilson's interval, as results have it."""
    p = float(right.mean())
    accuracy = number(right, shown=(p, *wilson(p, len(right), 1.96)))
    return side(cell([accuracy], n=len(right), task="calibration/t"))


def margins(text: str, place: Path) -> list[float]:
    path = place / "gate.yaml"
    path.write_text(text)
    return [float(rule.margin or 0) for rule in read(path).checks]


def test_a_large_loss_does_not_widen_the_margin_that_is_to_catch_it(tmp_path: Path) -> None:
    """100 samples, from 78 % to 45 %: the pair's smallest detectable difference would bear about 15 points."""
    rng = np.random.default_rng(1)
    before, after = paired(rng, 100, 0.78, drop=0.33)
    text = policy_text(world(before), world(after))
    (margin,) = margins(text, tmp_path)
    low, high = wilson(before.mean(), 100, 1.96)
    half = (high - low) / 2
    assert half <= margin <= half + 0.005 + 1e-12  # rounded up, and no more
    assert "the two runs surely differ here" in text
    made = gate(read(tmp_path / "gate.yaml"), world(before), world(after), today=TODAY, created="now")
    assert (made.verdict, made.exit_code) == ("fail", 1)


def test_what_it_says_would_fail_in_80_of_100_does(tmp_path: Path) -> None:
    """Losses of just that size, drawn anew: at least 80 % but for the noise of 200 draws, and it is no certainty."""
    rng = np.random.default_rng(2)
    n, p = 400, 0.8
    text = policy_text(*(world(right) for right in paired(rng, n, p)))
    margins(text, tmp_path)
    policy = read(tmp_path / "gate.yaml")
    loss = float(text.partition("a loss of ")[2].split()[0])
    verdicts = [
        gate(policy, *(world(right) for right in paired(rng, n, p, drop=loss)), today=TODAY, created="now").verdict
        for _ in range(200)
    ]
    assert 0.65 < verdicts.count("fail") / 200 < 0.99


def test_like_runs_are_taken_at_what_their_samples_show(tmp_path: Path) -> None:
    right = np.arange(1000) % 4 > 0
    other = right.copy()
    other[:40:4], other[1:41:4] = True, False  # ten each way
    text = policy_text(world(right), world(other))
    (margin,) = margins(text, tmp_path)
    assert "the smallest difference that 1,000 samples show" in text
    assert margin == pytest.approx(0.015)  # 2.8 * sqrt(.02 / 1000) = .0125; half of Wilson's interval is .027


def test_one_run_is_enough(tmp_path: Path) -> None:
    right = np.arange(200) % 2 > 0
    (margin,) = margins(policy_text(world(right)), tmp_path)
    assert margin == pytest.approx(0.07)  # 1.96 * sqrt(.25 / 200) = .069


def test_runs_without_a_number_in_common_are_refused() -> None:
    right = np.arange(20) % 2 > 0
    bare = side(cell([], n=20, task="calibration/t"))
    with pytest.raises(NotComparableError, match="no check can be made"):
        policy_text(world(right), bare)
