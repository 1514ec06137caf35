"""The race of OOD scores: both sides start with the same arrays, and what it writes adds up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.components import Score
from bench.registry import components
from benchmarks.ood import PEERS, SLOW, Side, made, ours, table, together


def test_arrays_are_the_same_for_both_and_every_score_runs() -> None:
    arrays = made(40, 120, width=8, classes=4)
    assert set(PEERS) <= set(components(Score))
    assert set(PEERS) >= SLOW
    np.testing.assert_allclose(arrays.logits.numpy(), arrays.test.logits, rtol=1e-5, atol=1e-5)
    assert arrays.train.correct.mean() > 0.5
    for name in PEERS:
        values = ours(name, arrays)
        assert values.shape == (40,)
        assert np.isfinite(values).all()


def test_a_table_sums_what_was_timed_whole_apart() -> None:
    arrays = made(40, 120, width=8, classes=4)
    none = np.empty(0)
    rows = [
        ("msp", Side(1.0, 10, none), Side(2.0, 20, none), 1.0),
        ("dice", Side(1.0, 30, none), Side(10.0, 40, none, extended=True), 1.0),
    ]
    passes = {"all 2": Side(1.5, 30, none), "1 timed whole": Side(1.0, 10, none)}
    text = table(rows, passes, arrays)
    assert "| dice | 1.00 | ~10.00 | 10.0 | 30 | 40 |" in text
    assert "| all 2, each alone | 2.0 | 12.0 | 6.0 | | | |" in text
    assert "| **all 2, in one pass** | 1.5 | 12.0 | **8.0** | 30 | 40 | |" in text
    assert "| **1 timed whole, in one pass** | 1.0 | 2.0 | **2.0** | 10 | 20 | |" in text


def test_one_pass_gives_what_each_alone_gives() -> None:
    arrays = made(40, 120, width=8, classes=4)
    values = together(list(PEERS), arrays)
    for place, name in enumerate(PEERS):
        fresh = replace(arrays, test=replace(arrays.test), train=replace(arrays.train))
        np.testing.assert_array_equal(values[:, place], ours(name, fresh), err_msg=name)
