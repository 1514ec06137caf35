"""Weights under label shift, of texts, and collapse: what is refused, and what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from bench.errors import UsageError
from bench.stats.collapse import detector, diversity
from bench.stats.label_shift import bbse, retasa
from bench.stats.ngrams import counts, kl_reduction, log_weights, resampled


def test_classes_that_cannot_be_told_apart_are_refused() -> None:
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(UsageError, match="label shift"):
        bbse(labels, np.zeros(4, dtype=int), np.zeros(4, dtype=int), 2)


def test_weights_are_positive_with_mean_one_and_an_effective_number() -> None:
    draws = np.random.default_rng(0)
    y = draws.standard_normal(200)
    found = retasa(np.stack([y, draws.standard_normal(200)], axis=1), y, np.stack([y + 1, y], axis=1))
    assert (found.weights >= 0).all()
    assert found.weights.mean() == pytest.approx(1)
    assert 1 <= found.effective <= 200
    assert found.risk(y) > y.mean()


def test_bags_count_words_and_pairs() -> None:
    bags = counts(["One one two.", ""])
    assert bags.sum(axis=1).tolist() == [7.0, 0.0]  # one one two . and three pairs
    assert counts(["a b"]).nnz == 3


def test_texts_are_drawn_without_replacement_and_the_same_for_a_seed() -> None:
    weight = np.log(np.arange(1.0, 21.0))
    drawn = resampled(weight, 10, 3)
    assert len(set(drawn.tolist())) == 10
    np.testing.assert_array_equal(drawn, resampled(weight, 10, 3))
    with pytest.raises(UsageError, match="cannot be drawn"):
        resampled(weight, 21, 0)
    with pytest.raises(UsageError, match="nothing to weigh"):
        log_weights(["a"], [], ["b"])
    assert kl_reduction([["a a"]], ["b b"], ["a a"]) > 0


def test_diversity_of_what_repeats_is_low() -> None:
    varied, same = diversity(["a b c d", "e f g h"]), diversity(["a a a a", "a a a a"])
    assert (varied.distinct_1, varied.distinct_2) == (1.0, 1.0)
    assert abs(varied.zipf) < 1e-12
    assert (same.distinct_1, same.distinct_2) == (1 / 8, 1 / 6)


def test_a_detector_needs_both_kinds_and_bounds_its_weights() -> None:
    with pytest.raises(UsageError, match="one kind"):
        detector(["a", "b"], np.array([True, True]))
    model = detector(["a a a"] * 20 + ["b b b"] * 20, np.repeat([False, True], 20), strength=100.0)
    odds = model.log_odds(["a a a", "b b b"])
    assert odds[0] < 0 < odds[1]
    weight = model.weights(["a a a", "b b b"], bound=3.0)
    assert weight.mean() == pytest.approx(1)
    assert weight[0] > weight[1]
