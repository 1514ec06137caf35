"""Errors of the whole distribution, debiased errors, and what selective prediction reports beside areas."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.arrays import Float64s
from bench.metrics.canonical import cells, nystroem
from bench.records import Classification
from bench.stats.intervals import interval
from tests.metrics.cases import binary, classification, find, ids, point, weights

ROWS = st.lists(st.tuples(st.sampled_from([0.5, 0.75, 0.875, 1.0]), st.booleans()), min_size=2, max_size=6)


def drawn(n: int, classes: int = 3, seed: int = 0) -> Classification:
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.5, (n, classes))
    return Classification(ids=ids(n), logits=z, labels=(z + rng.gumbel(size=z.shape)).argmax(axis=1))


def test_cells_hold_about_as_many_rows_and_equals_together() -> None:
    probs = drawn(1600, 5).probs
    found = cells(probs, np.ones(len(probs)))
    assert np.bincount(found).tolist() == [100] * 16
    twice = cells(np.repeat(probs[:40], 3, axis=0), np.ones(120)).reshape(40, 3)
    assert (twice == twice[:, :1]).all()
    assert cells(np.full((7, 3), 1 / 3), np.ones(7)).tolist() == [0] * 7
    assert len(np.unique(cells(probs[[0] * 2 + [1] * 2], np.ones(4)))) == 2


def test_of_two_classes_the_whole_is_one_of_them() -> None:
    record = drawn(320, 2)
    cell = cells(record.probs, np.ones(len(record)))
    gap = (record.labels == 1) - record.probs[:, 1]
    each = np.array([gap[cell == k].sum() for k in range(16)])
    assert point("canonical-ece", record) == pytest.approx(float(np.abs(each).sum() / 320), rel=1e-12)
    squares = np.array([gap[cell == k] @ gap[cell == k] for k in range(16)])
    expected = 2 * float(((each**2 - squares) / (20 * 19)).mean())
    assert point("canonical-ece-debiased", record) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["canonical-ece-debiased", "ece-mass-debiased"])
def test_pairs_within_a_cluster_are_left_out(name: str) -> None:
    record = drawn(120)
    groups = np.arange(120) % 31
    grouped = replace(record, groups=groups.astype(str))
    if name == "ece-mass-debiased":
        order = np.argsort(record.confidence)
        cell = np.empty(120, dtype=int)
        cell[order] = np.arange(120) // 8
        residual = (record.correct - record.confidence)[:, None]
    else:
        cell = cells(record.probs, np.ones(len(record)))
        residual = (record.labels[:, None] == np.arange(3)) - record.probs
    for each, codes in ((record, np.arange(120)), (grouped, groups)):
        total = 0.0
        for k in np.unique(cell):
            inside = cell == k
            apart = codes[inside][:, None] != codes[inside]
            products = residual[inside] @ residual[inside].T
            total += inside.sum() * (products[apart].mean() if apart.any() else 0.0)
        assert point(name, each) == pytest.approx(total / 120, rel=1e-9)


def test_debiased_by_the_formula_of_its_paper() -> None:
    # Kumar, Liang and Ma 2019: the plug-in square of each bin less y (1 - y) / (m - 1), where confidences are equal.
    rng = np.random.default_rng(0)
    levels = np.linspace(0.52, 0.98, 15)
    confidence = np.repeat(levels, 40)
    correct = rng.random(600) < confidence - 0.05
    y = correct.reshape(15, 40).mean(axis=1)
    expected = ((y - levels) ** 2 - y * (1 - y) / 39).mean()
    record = binary(confidence, correct)
    assert point("ece-mass-debiased", record) == pytest.approx(float(expected), rel=1e-9)
    assert point("ece-l2-debiased", record) == pytest.approx(math.sqrt(max(point("ece-debiased", record), 0)))


def test_few_predictions_are_known_by_their_kernel_exactly() -> None:
    probs = np.repeat(drawn(40, 4).probs, 3, axis=0)
    features = nystroem(probs, np.unique(probs, axis=0))
    apart = np.sqrt(((probs[:, None] - probs) ** 2).sum(axis=2))
    np.testing.assert_allclose(features @ features.T, np.exp(-apart / (0.4 * math.sqrt(2))), atol=1e-4)


def test_the_test_of_the_whole_sees_what_confidences_hide() -> None:
    record = drawn(3000, 4)
    assert point("skce-p", record) > 0.01
    order = np.argsort(-record.logits, axis=1)
    changed = order.copy()
    changed[:, [1, 2]] = order[:, [2, 1]]
    logits = np.empty_like(record.logits)
    np.put_along_axis(logits, changed, np.take_along_axis(record.logits, order, axis=1), axis=1)
    other = replace(record, logits=logits)
    np.testing.assert_allclose(other.confidence, record.confidence, rtol=1e-12)
    assert point("skce-p", other) < 0.01
    assert point("kce-p", other) == pytest.approx(point("kce-p", record))
    estimate = interval(find("skce-p"), record, seed=0)
    assert estimate.interval.method == "none: it estimates nothing"


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_rejection_ratio_is_the_mean_over_all_orders_of_ties(rows: list[tuple[float, bool]]) -> None:
    confidence, wrong = np.array([r[0] for r in rows]), np.array([not r[1] for r in rows], dtype=float)
    n = len(rows)
    kept = np.arange(n - n // 2, n) if n % 2 == 0 else np.arange(n)
    rejection = 0.5 if n % 2 == 0 else 1.0

    def area(errors: Float64s) -> float:
        return float((np.cumsum(errors) / np.arange(1, n + 1))[kept].sum())

    areas = [
        area(wrong[list(order)])
        for order in itertools.permutations(range(n))
        if (np.diff(confidence[list(order)]) <= 0).all()
    ]
    found = float(find("prr-confidence").function(binary(confidence, wrong == 0), np.ones((1, n)), rejection)[0])
    if wrong.mean() in {0.0, 1.0}:
        assert math.isnan(found)
        return
    # As LM-Polygraph: areas of the mean quality of what is kept, between that of chance and that of the best order.
    random, best = wrong.mean() * len(kept), area(np.sort(wrong))
    expected = (random - np.mean(areas)) / (random - best) if random > best + 1e-12 else math.nan
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_coverage_at_risk_is_the_best_threshold(rows: list[tuple[float, bool]]) -> None:
    confidence, correct = np.array([r[0] for r in rows]), np.array([r[1] for r in rows])
    found = [(confidence >= t).mean() for t in confidence if (~correct[confidence >= t]).mean() <= 0.34]
    record = binary(confidence, correct)
    value = float(find("coverage-at-5").function(record, np.ones((1, len(rows))), 0.34)[0])
    assert value == pytest.approx(max(found, default=0.0))


def test_weights_are_repetitions() -> None:
    record = classification(60, 4)
    record = replace(record, logits=np.random.default_rng(2).normal(0, 2, (60, 4)), members=None)
    w = weights(60, rows=1)
    repeated = record.take(np.repeat(np.arange(60), w[0].astype(int)))
    repeated = replace(repeated, ids=ids(len(repeated)))
    for name in ("prr-confidence", "coverage-at-5"):
        assert float(find(name).function(record, w)[0]) == pytest.approx(point(name, repeated), rel=1e-9)
