from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_calibration_error

from bench.arrays import Float64s
from bench.metrics.calibration import binomial_deviation, ece, ece_debiased, ece_null, overconfidence
from bench.metrics.judged import in_bins
from bench.metrics.smooth import smooth_ece
from tests.metrics.cases import binary, choices, classification, generations, point

torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "norm"), [("ece", "l1"), ("mce", "max")])
def test_parity_with_torchmetrics(name: str, norm: str) -> None:
    # Away from confidence 1 and from bin edges, where torchmetrics has a bin too many and closes the other end.
    rng = np.random.default_rng(0)
    record = classification(500, 6)
    record = type(record)(ids=record.ids, labels=record.labels, logits=rng.normal(0, 1.5, (500, 6)))
    peer = multiclass_calibration_error(
        torch.tensor(record.probs), torch.tensor(record.labels), num_classes=6, n_bins=15, norm=norm
    )
    assert point(name, record) == pytest.approx(float(peer), abs=2e-7)  # float32 there


def test_confidence_one_is_in_the_last_bin() -> None:
    members = in_bins(np.array([0.0, 14 / 15, 0.999, 1.0]))
    assert members.argmax(axis=1).tolist() == [0, 14, 14, 14]
    assert members.sum() == 4
    # .97 and 1 balance in one bin: 2 x .97 + 2 x 1 = 3.94 against 4 right.
    assert point("ece", binary([0.97, 0.97, 1, 1], [1, 1, 1, 1])) == pytest.approx(0.06 / 4)


def test_ece_of_judged_records_of_other_kinds() -> None:
    for record in (choices(), generations()):
        confidence, correct = record.confidence, record.correct
        index = np.minimum((confidence * 15).astype(int), 14)
        expected = sum(abs((correct - confidence)[index == b].sum()) for b in range(15)) / len(record)
        assert point("ece", record) == pytest.approx(expected)


def test_classwise_ece_by_hand() -> None:
    record = classification(60, 3)
    total = 0.0
    for c in range(3):
        p = record.probs[:, c]
        index = np.minimum((p * 15).astype(int), 14)
        total += sum(abs(((record.labels == c) - p)[index == b].sum()) for b in range(15)) / 60
    assert point("classwise-ece", record) == pytest.approx(total / 3)


def _debiased_by_pairs(confidence: Float64s, correct: Float64s, groups: list[str]) -> float:
    """The mean product over ordered pairs of different groups, bin by bin."""
    gap = correct - confidence
    index = np.minimum((confidence * 15).astype(int), 14)
    total = 0.0
    for b in range(15):
        rows = np.flatnonzero(index == b)
        pairs = [(i, j) for i, j in itertools.permutations(rows, 2) if groups[i] != groups[j]]
        if pairs:
            total += len(rows) / len(gap) * sum(gap[i] * gap[j] for i, j in pairs) / len(pairs)
    return total


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.5, 0.62, 0.64, 0.9, 1.0]), st.booleans(), st.integers(0, 3)), min_size=1))
def test_debiased_square_is_the_mean_over_pairs(rows: list[tuple[float, bool, int]]) -> None:
    confidence, correct = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    names = [str(r[2]) for r in rows]
    w = np.ones((1, len(rows)))
    alone = [str(i) for i in range(len(rows))]
    assert ece_debiased(binary(confidence, correct), w)[0] == pytest.approx(
        _debiased_by_pairs(confidence, correct, alone), abs=1e-12
    )
    assert ece_debiased(binary(confidence, correct, groups=np.array(names)), w)[0] == pytest.approx(
        _debiased_by_pairs(confidence, correct, names), abs=1e-12
    )


def test_debiased_square_is_unbiased_away_from_zero() -> None:
    # Right with probability .6 where .8 is promised and .9 where .95 is: .5 (.2^2) + .5 (.05^2).
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(1500):
        confidence = np.repeat([0.8, 0.95], 20)
        draws.append(point("ece-debiased", binary(confidence, rng.random(40) < np.repeat([0.6, 0.9], 20))))
    error = float(np.std(draws, ddof=1)) / math.sqrt(len(draws))
    assert np.mean(draws) == pytest.approx(0.5 * 0.2**2 + 0.5 * 0.05**2, abs=4.5 * error)


def test_debiased_square_with_clusters_is_unbiased_where_rows_repeat() -> None:
    # Each answer is there three times: without the groups it would look like evidence.
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(30), 3).astype(str)
    clustered, naive = [], []
    for _ in range(800):
        correct = np.repeat(rng.random(30) < 0.8, 3)
        clustered.append(point("ece-debiased", binary(np.full(90, 0.8), correct, groups=groups)))
        naive.append(point("ece-debiased", binary(np.full(90, 0.8), correct)))
    error = np.std(clustered, ddof=1) / math.sqrt(800)
    assert abs(np.mean(clustered)) < 4.5 * error
    assert np.mean(naive) > 10 * error


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.97])
def test_mean_deviation_of_the_binomial(n: int, p: float) -> None:
    expected = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * abs(k / n - p) for k in range(n + 1))
    assert binomial_deviation(np.array([n * 1.0]), np.array([p]))[0] == pytest.approx(expected, rel=1e-10)


def test_mean_deviation_where_nothing_deviates() -> None:
    np.testing.assert_array_equal(binomial_deviation(np.array([5.0, 5.0]), np.array([0.0, 1.0])), [0, 0])


def test_null_value_is_what_calibrated_models_score() -> None:
    rng = np.random.default_rng(0)
    confidence = np.concatenate([rng.uniform(0.5, 1, 100), np.full(20, 1.0), rng.uniform(0.97, 1, 80)])
    w = np.ones((1, 200))
    draws = [ece(binary(confidence, rng.random(200) < confidence), w)[0] for _ in range(2000)]
    null = ece_null(binary(confidence, np.ones(200)), w)[0]
    assert null == pytest.approx(np.mean(draws), abs=4.5 * np.std(draws) / math.sqrt(2000))


def test_null_value_under_weights_of_the_record() -> None:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 5, 300)
    confidence = rng.uniform(0.6, 0.66, 300)
    draws = [ece(binary(confidence, rng.random(300) < confidence), weights[None])[0] for _ in range(3000)]
    record = binary(confidence, np.ones(300), weights=weights)
    # The effective number of trials is a normal-theory one: allow its error of the order 1 / n beside the noise.
    null = ece_null(record, weights[None])[0]
    assert null == pytest.approx(np.mean(draws), abs=4.5 * np.std(draws) / math.sqrt(3000) + null / 300)


def test_smooth_ece_by_direct_integration() -> None:
    record = binary(np.linspace(0.5, 1, 60), np.arange(60) % 3 > 0)
    confidence, gap = record.confidence, record.correct - record.confidence
    t = np.linspace(0, 1, 8001)

    def error(scale: float) -> float:
        # Images beyond both ends are the reflections.
        total = np.zeros_like(t)
        for k in range(-2, 3):
            for image in (2 * k + confidence, 2 * k - confidence):
                total += np.exp(-((t[:, None] - image) ** 2) / (2 * scale**2)) @ gap
        density = np.abs(total) / (scale * math.sqrt(2 * math.pi)) / len(gap)
        return float(np.trapezoid(density, t))

    found = smooth_ece(record, np.ones((1, 60)))[0]
    # At its own scale the error is the scale; spreading over a grid of 1/1024 widens the kernel by 1e-6 in square.
    assert error(found) == pytest.approx(found, abs=1e-4)


def test_smooth_ece_of_a_perfect_model_is_zero() -> None:
    assert point("smooth-ece", binary(np.ones(20), np.ones(20))) < 2e-5


def test_overconfidence_has_its_sign() -> None:
    assert overconfidence(binary([0.9, 0.9], [1, 0])).values.mean() == pytest.approx(0.4)
    assert overconfidence(binary([0.6, 0.6], [1, 1])).values.mean() == pytest.approx(-0.4)
