"""Aggregates against hand-made tables, scipy's least squares, and simulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from bench.leaderboard.aggregation import (
    Aggregate,
    _covariance,
    _fitted,
    _interaction,
    _simulated,
    aggregates,
    normaliser,
)
from bench.leaderboard.places import places
from bench.leaderboard.standings import boards
from tests.leaderboard.worlds import stored


def aggregate(path: Path, numbers: dict[tuple[str, str], object]) -> list[Aggregate]:
    found = boards([stored(path, numbers).path])
    return aggregates("x", [(b, places(b, paired=False)) for b in found])


def test_with_all_numbers_there_it_is_the_plain_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = rng.uniform(0.3, 0.9, size=(5, 4))
    a = aggregate(tmp_path / "r", {(f"m{k}", f"reasoning/t{t}"): float(v) for (t, k), v in np.ndenumerate(table)})[0]
    means = {f"m{k}": table[:, k].mean() for k in range(4)}
    assert dict(zip(a.models, a.value, strict=True)) == pytest.approx(means)
    assert a.complete
    assert list(a.models) == sorted(means, key=lambda m: -means[m])


def test_missing_is_never_zero_and_is_filled_by_least_squares() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 5))
    present = rng.random((6, 5)) < 0.7
    present[:, 0] = True
    values[~present] = np.nan
    value, inverse = _fitted(values, present)
    t, k = np.nonzero(present)
    design = np.zeros((len(t), 11))
    design[np.arange(len(t)), t] = 1
    design[np.arange(len(t)), 6 + k] = 1
    theirs = np.linalg.lstsq(design, values[present], rcond=None)[0]
    assert value - value.mean() == pytest.approx(theirs[6:] - theirs[6:].mean())
    # The covariance is that of the same least squares under independent errors.
    errors = rng.uniform(0.1, 1.0, size=(6, 5))
    hat = np.linalg.pinv(design)[6:]
    hat = hat - hat.mean(axis=0)
    assert _covariance(errors, present, inverse) == pytest.approx(hat * errors[present] ** 2 @ hat.T)


def test_a_model_that_skips_the_hard_board_gains_nothing(tmp_path: Path) -> None:
    """b is as good as a wherever both stand; the hard board would have lowered its mean by 20 points."""
    numbers = {("a", "reasoning/easy"): 0.9, ("b", "reasoning/easy"): 0.9, ("c", "reasoning/easy"): 0.7,
               ("a", "reasoning/hard"): 0.5, ("c", "reasoning/hard"): 0.3}  # fmt: skip
    a = aggregate(tmp_path / "r", dict(numbers))[0]
    values = dict(zip(a.models, a.value, strict=True))
    assert values["b"] == pytest.approx(values["a"])
    assert values["a"] == pytest.approx(0.7)
    assert dict(zip(a.models, a.coverage, strict=True)) == {"a": 2, "b": 1, "c": 2}
    assert not a.complete


def test_models_without_a_common_board_are_ranked_apart(tmp_path: Path) -> None:
    numbers = {
        (m, f"reasoning/{g}{t}"): 0.5 + 0.1 * k for g in "xy" for k, m in enumerate((f"{g}1", f"{g}2")) for t in "ab"
    }
    found = aggregate(tmp_path / "r", dict(numbers))
    assert sorted(a.models for a in found) == [("x2", "x1"), ("y2", "y1")]


def test_a_model_that_always_wins_keeps_a_finite_rating(tmp_path: Path) -> None:
    numbers = {(m, f"reasoning/t{t}"): v for t in range(4) for m, v in (("a", 0.9), ("b", 0.5), ("c", 0.2))}
    a = aggregate(tmp_path / "r", dict(numbers))[0]
    assert a.models == ("a", "b", "c")
    for name, values in a.others.items():
        assert np.isfinite(values).all(), name
        assert values[0] == values.max(), name
    # The walk of PageRank goes from the winner to whoever lost to it least, however rarely: those two may tie.
    assert all(math.isclose(tau, 1.0) for name, tau in a.agreement.items() if name != "pagerank")
    assert a.low.tolist() == a.high.tolist() == [1, 2, 3]


def test_bounded_metrics_keep_their_scale_and_others_take_the_boards(tmp_path: Path) -> None:
    nats = {"metric": "nll-nats", "better": "lower", "range": (None, None)}
    brier = {"value": 0.4, "metric": "brier", "better": "lower", "range": (0.0, 2.0)}
    numbers = {("a", "x/u"): {"value": 7.0, **nats}, ("b", "x/u"): {"value": 3.0, **nats}, ("a", "x/v"): brier}
    run = stored(tmp_path / "r", numbers)
    for board in boards([run.path]):
        values = np.array([board.sign * float(s.result.value or 0) for s in board.standings])
        offset, slope = normaliser(board, values)
        expected = [0.0, 1.0] if board.task == "x/u" else [0.8]
        assert ((values - offset) * slope).tolist() == pytest.approx(expected)


def test_joint_coverage_of_aggregated_places_with_missing_numbers(tmp_path: Path) -> None:
    """All models equal: every set must reach from 1 to K in 95 % of draws; 300 of them."""
    rng = np.random.default_rng(2)
    present = rng.random((8, 5)) < 0.6
    present[:2] = True
    errors = np.where(present, rng.uniform(0.01, 0.05, size=(8, 5)), 0.0)
    held = 0
    for _ in range(300):
        values = np.where(present, errors * rng.normal(size=(8, 5)), np.nan)
        value, inverse = _fitted(values, present)
        _, low, high = _simulated(value, _covariance(errors, present, inverse), 0)
        held += bool((low == 1).all() and (high == 5).all())
    assert held / 300 > 0.95 - 4.5 * math.sqrt(0.05 * 0.95 / 300)


def test_joint_coverage_where_models_differ_from_board_to_board() -> None:
    """Means over all boards are equal, and only what each board does with a model tells them apart; 300 draws."""
    rng = np.random.default_rng(3)
    present = rng.random((10, 5)) < 0.6
    present[:2] = True
    errors = np.where(present, 0.001, 0.0)
    held, without = 0, 0
    for _ in range(300):
        liking = 0.1 * rng.normal(size=(10, 5))
        values = np.where(present, rng.normal(size=(10, 1)) + liking - liking.mean(axis=0), np.nan)
        value, inverse = _fitted(values, present)
        covariance = _covariance(errors, present, inverse)
        for unseen in (None, _interaction(values, present, inverse)):
            _, low, high = _simulated(value, covariance, 0, unseen)
            all_there = bool((low == 1).all() and (high == 5).all())
            held, without = held + (unseen is not None and all_there), without + (unseen is None and all_there)
    assert held / 300 > 0.95 - 4.5 * math.sqrt(0.05 * 0.95 / 300)
    assert without / 300 < 0.05


def test_the_error_of_what_is_unseen_is_that_of_the_least_squares() -> None:
    """The closed form against the map from cells to means, less that from all cells to the means over all boards."""
    rng = np.random.default_rng(4)
    present = rng.random((7, 4)) < 0.7
    present[0] = True
    values = np.where(present, rng.normal(size=(7, 4)), np.nan)
    _, inverse = _fitted(values, present)
    cells = np.argwhere(np.ones((7, 4), dtype=bool))
    design = np.zeros((28, 11))
    design[np.arange(28), cells[:, 0]] = 1
    design[np.arange(28), 7 + cells[:, 1]] = 1
    used = present.ravel()
    seen = np.zeros((4, 28))
    hat = np.linalg.pinv(design[used])[7:]
    seen[:, used] = hat - hat.mean(axis=0)
    whole = np.linalg.pinv(design)[7:]
    unseen = seen - (whole - whole.mean(axis=0))
    rest = values[present] - design[used] @ (np.linalg.pinv(design[used]) @ values[present])
    freedom = used.sum() - 10
    found = _interaction(values, present, inverse)
    assert found.freedom == freedom
    assert found.covariance == pytest.approx((rest**2).sum() / freedom * unseen @ unseen.T)


def test_what_too_few_numbers_leave_open_is_said_to_be_open(tmp_path: Path) -> None:
    """One model is far behind on the one board that it shares; what it would do on the others, nobody knows."""
    nats = {"metric": "nll-nats", "better": "lower", "range": (None, None), "half": 0.01}
    numbers = {("base", "x/prose"): {"value": 2.0, **nats}, ("small", "x/prose"): {"value": 3.0, **nats}}
    numbers |= {(m, "x/u"): {"value": v, "half": 0.01} for m, v in (("base", 0.4), ("tuned", 0.6))}
    a = aggregate(tmp_path / "r", dict(numbers))[0]
    assert a.models == ("tuned", "base", "small")
    assert a.value.tolist() == pytest.approx([0.9, 0.7, 0.0])  # of board + model, the last at -0.3 cut off
    assert np.isnan(a.half).all()
    assert a.low.tolist() == [1, 1, 1]
    assert a.high.tolist() == [3, 3, 3]
