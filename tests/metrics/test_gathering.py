"""Intervals of many rows by their cells against those by the rows themselves, and where rows stay apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.arrays import Float64s
from bench.components import Metric
from bench.metrics import gathering
from bench.metrics.gathering import gathered
from bench.metrics.order import descending
from bench.registry import find
from bench.stats.bootstrap import Statistic, replicates
from bench.stats.bootstrap import gathered as by_cells
from bench.stats.design import design
from bench.stats.intervals import interval
from tests.metrics.cases import binary, detection, metrics, regression

ROWS = 12_000
NAMES = [m.name for m in metrics() if m.gathers]


def _judged() -> Any:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, ROWS)
    return binary(confidence, rng.random(ROWS) < confidence - 0.1)


def _detection() -> Any:
    rng = np.random.default_rng(1)
    positive = rng.random(ROWS) < 0.3
    return detection(rng.normal(size=ROWS) + 1.5 * positive, positive)


def _regression() -> Any:
    record: Any = regression("gaussian", ROWS)
    rng = np.random.default_rng(2)
    return replace(record, y=record.mean + 1.2 * record.std * rng.normal(size=ROWS))


@pytest.mark.parametrize("name", NAMES)
def test_cells_give_the_intervals_of_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metric = next(m for m in metrics() if m.name == name)
    record = {"Detection": _detection, "Judged": _judged, "Regression": _regression}[metric.of.__name__]()
    cells = interval(metric, record, seed=3)
    assert cells.interval.method.endswith("cells")
    monkeypatch.setattr(gathering, "LEAST", ROWS)
    rows = interval(metric, record, seed=3)
    assert not rows.interval.method.endswith("cells")
    assert cells.value == rows.value
    assert cells.interval.low is not None
    assert cells.interval.high is not None
    assert rows.interval.low is not None
    assert rows.interval.high is not None
    # An end of 1,000 resamples has a standard error of about 4 % of the width; two of them differ by 1.4 times that.
    width = rows.interval.high - rows.interval.low
    assert cells.interval.low == pytest.approx(rows.interval.low, abs=0.25 * width)
    assert cells.interval.high == pytest.approx(rows.interval.high, abs=0.25 * width)


def test_a_cell_has_one_outcome_and_keeps_to_its_bin() -> None:
    record = _judged()
    many = gathered(record)
    assert many is not None
    cells: Any = many.cells
    assert many.rows.sum() == ROWS
    assert len(cells) < ROWS / 4
    assert (cells.correct[many.codes] == record.correct).all()
    assert np.abs(cells.confidence[many.codes] - record.confidence).max() < 0.002
    assert ((cells.confidence[many.codes] * 15).astype(int) == (record.confidence * 15).astype(int)).all()
    assert many.rows @ cells.confidence == pytest.approx(record.confidence.sum())


def test_cells_of_a_score_keep_its_order_and_its_ties() -> None:
    rng = np.random.default_rng(2)
    scores = np.round(rng.normal(size=ROWS), 1)
    scores[:3] = [-np.inf, np.inf, np.inf]
    many = gathered(detection(scores, rng.random(ROWS) < 0.5))
    assert many is not None
    cells: Any = many.cells
    level = cells.scores[many.codes]
    order = np.argsort(scores, kind="stable")
    assert (np.diff(level[order]) >= 0).all()
    for score in np.unique(scores):
        assert len(np.unique(level[scores == score])) == 1


def test_expected_squares_of_resampled_cells() -> None:
    # A cell of m rows is drawn from a thousand times; its rows' squared counts add up to W + W (W - 1) / m on average.
    rng = np.random.default_rng(0)
    counts = rng.multinomial(300, np.full(30, 1 / 30), size=2000).astype(float)
    cells = gathering.JudgedCells(np.array([0.5]), np.array([True]), np.array([30.0]), resampled=True)
    found = cells.squares(np.array([[300.0]]))[0, 0]
    squares = (counts**2).sum(axis=1)
    assert found == pytest.approx(squares.mean(), abs=4.5 * squares.std() / np.sqrt(2000))
    whole = gathering.JudgedCells(np.array([0.5]), np.array([True]), np.array([30.0]))
    assert whole.squares(np.array([[30.0]]))[0, 0] == 30


def test_small_and_weighted_records_and_many_rows_in_clusters_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST", ROWS - 1)
    record = _judged()
    assert gathered(record.take(np.arange(gathering.LEAST))) is None
    assert gathered(replace(record, weights=np.ones(ROWS))) is None
    assert gathered(replace(record, groups=np.arange(ROWS).astype(str))) is None


def test_cells_of_clusters_are_drawn_with_them() -> None:
    # Ten copies of each row, which share a group: as uncertain as the rows once.
    once = _judged().take(np.arange(1_000))
    rows = np.repeat(np.arange(1_000), 10)
    record = replace(once.take(rows), ids=np.arange(10_000).astype(str), groups=rows.astype(str))
    assert gathered(record) is not None
    copied, plain = (interval(find(Metric, "aurc"), each, seed=0).interval for each in (record, once))
    assert "cells" in copied.method
    assert plain.low is not None
    assert plain.high is not None
    width = plain.high - plain.low
    assert copied.low == pytest.approx(plain.low, abs=0.05 * width)
    assert copied.high == pytest.approx(plain.high, abs=0.05 * width)


def test_draws_of_cells_spread_as_draws_of_rows() -> None:
    # A statistic whose standard error is known: the share of right answers.
    record = _judged()
    many = gathered(record)
    assert many is not None
    cells: Any = many.cells
    seen: list[Float64s] = []

    def share(w: Float64s) -> Float64s:
        seen.append(w @ cells.correct / w.sum(axis=1))
        return seen[-1]

    p = float(record.correct.mean())
    by_cells([(Statistic(share, p), share, share)], many.rows, many.codes, design(ROWS), seed=0)
    draws = np.concatenate([each for each in seen if len(each) > 1])[:1000]
    own = replicates(lambda w: w @ record.correct / w.sum(axis=1), design(ROWS), seed=0)
    error = np.sqrt(p * (1 - p) / ROWS)
    for values in (draws, own):
        assert values.mean() == pytest.approx(p, abs=4.5 * error / np.sqrt(1000))
        assert values.std() == pytest.approx(error, rel=4.5 / np.sqrt(2000))


@pytest.mark.parametrize("kind", ["normal", "ties", "near", "extreme"])
def test_packed_order_is_the_plain_one(kind: str) -> None:
    rng = np.random.default_rng(0)
    n = 1 << 15
    scores = {
        "normal": rng.normal(size=n),
        "ties": np.round(rng.normal(size=n), 1),
        "near": 1 - np.round(rng.random(n), 3) * 1e-9,  # equal in single precision
        "extreme": rng.choice([-np.inf, -1e300, -1e-320, -0.0, 0.0, 1e-320, 1e300, np.inf], n),
    }[kind]
    hit = rng.random(n) < 0.4
    rows = descending(scores, hit)
    plain = np.lexsort((~hit, -scores))
    assert sorted(rows.tolist()) == list(range(n))
    np.testing.assert_array_equal(scores[rows], scores[plain])
    np.testing.assert_array_equal(hit[rows], hit[plain])
