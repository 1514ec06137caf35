"""What scores share, and the precision that it is worked out in, against the same in float64 and without shortcuts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.components import NotApplicable
from bench.covariance import ledoit_wolf, squared_distances
from bench.records import Classification, log_softmax
from bench.records.head import packed
from bench.scores.features import head_of, log_sum_exp, sums_of
from bench.scores.logits import kl_matching
from bench.scores.neighbours import GROUP, knn, largest, nnguide
from bench.scores.ood import mahalanobis, relative_mahalanobis
from bench.scores.softmax import softmax

WIDTH, CLASSES = 12, 7


def record(n: int, seed: int) -> Classification:
    random = np.random.default_rng(seed)
    weight = np.random.default_rng(99).standard_normal((CLASSES, WIDTH))
    features = np.maximum(random.standard_normal((n, WIDTH)) + 0.5, 0).astype(np.float32)
    logits = features.astype(np.float64) @ weight.T
    labels = random.integers(0, CLASSES, n)
    head = packed(weight, np.zeros(CLASSES))
    return Classification(ids=np.arange(n).astype(str), labels=labels, logits=logits, features=features, head=head)


BANK, ASKED = record(4000, 0), record(60, 1)


def test_one_pass_over_logits_gives_what_each_formula_gives() -> None:
    logits = np.concatenate([ASKED.logits, 900 * np.eye(CLASSES), np.zeros((1, CLASSES))])
    logits = np.concatenate([logits, np.where(np.arange(CLASSES) == 2, -np.inf, 0.5)[None]])
    n = len(logits)
    found = softmax(Classification(ids=np.arange(n).astype(str), labels=np.zeros(n, dtype=int), logits=logits))
    p = np.exp(log_softmax(logits))
    np.testing.assert_array_equal(found.predicted, logits.argmax(axis=1))
    np.testing.assert_array_equal(found.largest, logits.max(axis=1))
    np.testing.assert_allclose(found.log_normaliser, log_sum_exp(logits), rtol=1e-14, atol=1e-13)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.nansum(p * np.log(p), axis=1)
    np.testing.assert_allclose(found.entropy, entropy, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(found.uneven, np.abs(1 - CLASSES * p).sum(axis=1), rtol=1e-12, atol=1e-12)
    assert found.others[len(ASKED)] == pytest.approx(6 * np.exp(-900.0), rel=1e-12)


def test_logarithm_of_a_sum_leaves_its_argument() -> None:
    logits = np.random.default_rng(3).standard_normal((300, 5))
    before = logits.copy()
    np.testing.assert_allclose(log_sum_exp(logits), np.log(np.exp(before).sum(axis=1)), rtol=1e-14)
    np.testing.assert_array_equal(logits, before)


def test_neighbours_are_right_to_1e_6_however_near() -> None:
    assert BANK.features is not None
    assert ASKED.features is not None
    random = np.random.default_rng(4)
    # Twelve copies of each of five rows, apart by 1e-4: float32 cosines cannot tell their order.
    near = np.repeat(ASKED.features[:5], 12, axis=0) * (1 + 1e-4 * random.standard_normal((60, WIDTH)))
    bank = np.concatenate([BANK.features, near.astype(np.float32)])
    n = len(bank)
    train = replace(record(n, 7), features=bank)
    assert n > GROUP * 40  # so that maxima of groups are looked at

    def unit(rows: np.ndarray) -> np.ndarray:
        wide = rows.astype(np.float64)
        return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))

    gaps = np.linalg.norm(unit(ASKED.features)[:, None] - unit(bank)[None], axis=2)
    for count in (1, 10):
        np.testing.assert_allclose(knn(ASKED, train, count), np.sort(gaps, axis=1)[:, count - 1], atol=1e-6)
    guides = (unit(ASKED.features) @ unit(bank).T) * log_sum_exp(train.logits)
    guidance = np.sort(guides, axis=1)[:, -10:].mean(axis=1)
    np.testing.assert_allclose(nnguide(ASKED, train), -log_sum_exp(ASKED.logits) * guidance, rtol=1e-5)


def test_the_largest_are_among_those_chosen_with_ties_and_few_columns() -> None:
    random = np.random.default_rng(5)
    for width in (7, GROUP * 41 + 5):
        values = np.round(random.standard_normal((9, width)), 1).astype(np.float32)
        row, column = largest(values, 5)
        for k in range(9):
            chosen = np.sort(values[k, column[row == k]])[-5:]
            np.testing.assert_array_equal(chosen, np.sort(values[k])[-5:])


def test_distances_to_classes_are_those_in_float64_throughout() -> None:
    assert BANK.features is not None
    assert ASKED.features is not None
    bank, labels = BANK.features.astype(np.float64), BANK.labels
    means = np.stack([bank[labels == k].mean(axis=0) for k in range(CLASSES)])
    within, _ = ledoit_wolf(bank - means[labels])
    nearest = squared_distances(ASKED.features, means, within).min(axis=1)
    np.testing.assert_allclose(mahalanobis(ASKED, BANK), nearest, rtol=1e-5)
    whole, _ = ledoit_wolf(bank - bank.mean(axis=0))
    background = squared_distances(ASKED.features, bank.mean(axis=0)[None], whole)[:, 0]
    np.testing.assert_allclose(relative_mahalanobis(ASKED, BANK), nearest - background, atol=1e-5 * nearest.max())


def test_divergences_are_those_in_float64_throughout() -> None:
    p, q = np.exp(log_softmax(ASKED.logits)), np.exp(log_softmax(BANK.logits))
    typical = np.stack([q[BANK.predicted == k].mean(axis=0) for k in np.unique(BANK.predicted)])
    divergence = (p[:, None] * np.log(p[:, None] / typical)).sum(axis=2).min(axis=1)
    np.testing.assert_allclose(kl_matching(ASKED, BANK), divergence, rtol=1e-6, atol=1e-6)


def test_sums_of_names_that_are_absent_are_0() -> None:
    found = sums_of(np.ones((3, 2), dtype=np.float32), np.array([0, 2, 2]), 4)
    np.testing.assert_array_equal(found, [[1, 1], [0, 0], [2, 2], [0, 0]])


def test_a_head_that_does_not_give_the_logits_is_refused() -> None:
    cooled = replace(ASKED, logits=ASKED.logits / 2)
    with pytest.raises(NotApplicable, match="head does not give its logits"):
        head_of(cooled, BANK)
    with pytest.raises(NotApplicable, match="other features or classes"):
        head_of(replace(ASKED, features=np.zeros((60, 3), dtype=np.float32)), BANK)
    rounded = replace(ASKED, logits=ASKED.logits * (1 + 4e-3))  # as bfloat16 would
    assert head_of(rounded, BANK)[0].shape == (CLASSES, WIDTH)
