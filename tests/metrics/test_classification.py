from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from bench.components import NotApplicable
from bench.metrics.classification import accuracy, brier, nll
from bench.metrics.truth import kl_p, mse_p
from bench.records import Classification
from tests.metrics.cases import classification, ids, point


def test_parity_with_scikit_learn() -> None:
    record = classification(300, 5)
    labels = list(range(5))
    assert point("nll", record) == pytest.approx(log_loss(record.labels, record.probs, labels=labels), rel=1e-12)
    whole = brier_score_loss(record.labels, record.probs, labels=labels, scale_by_half=False)
    assert point("brier", record) == pytest.approx(whole, rel=1e-12)
    assert point("accuracy", record) == pytest.approx(accuracy_score(record.labels, record.predicted), rel=1e-12)


def test_extreme_logits_lose_nothing() -> None:
    logits = np.array([[1e8, 1e8 - 30, -1e300], [0, -np.inf, -700.0], [5e-324, 0.0, -1e3]])
    record = Classification(ids=ids(3), logits=logits, labels=np.array([1, 2, 0]))
    expected = [30 + np.log1p(np.exp(-30)), 700.0, np.log(2)]
    np.testing.assert_allclose(nll(record).values, expected, rtol=1e-14)


def test_a_class_that_cannot_be_but_was_is_infinite() -> None:
    record = Classification(ids=ids(2), logits=np.array([[0, -np.inf], [0.0, 0]]), labels=np.array([1, 0]))
    assert nll(record).values[0] == np.inf
    assert brier(record).values[0] == 2


def test_rows_outside_the_classes_are_refused() -> None:
    record = Classification(ids=ids(2), logits=np.zeros((2, 3)), labels=np.array([0, -1]), ood=np.array([False, True]))
    for metric in (nll, brier, accuracy):
        with pytest.raises(NotApplicable, match="does not apply"):
            metric(record)


def test_mse_p_is_that_of_the_positive_class() -> None:
    rng = np.random.default_rng(0)
    guess, truth = rng.random(50), rng.random(50)
    record = Classification(
        ids=ids(50),
        logits=np.log(np.stack([1 - guess, guess], axis=1)),
        labels=np.zeros(50, dtype=np.int64),
        truth=np.stack([1 - truth, truth], axis=1),
    )
    np.testing.assert_allclose(mse_p(record).values, (guess - truth) ** 2, rtol=1e-10)


def test_kl_p_against_scipy_and_at_the_edges() -> None:
    from scipy.stats import entropy

    record = classification(50)
    assert record.truth is not None
    np.testing.assert_allclose(kl_p(record).values, entropy(record.truth, record.probs, axis=1), rtol=1e-10)
    edge = Classification(
        ids=ids(3),
        logits=np.array([[0, -np.inf], [0, 0], [0, -np.inf]]),
        labels=np.zeros(3, dtype=np.int64),
        truth=np.array([[1, 0], [1, 0], [0.5, 0.5]]),
    )
    np.testing.assert_allclose(kl_p(edge).values, [0, np.log(2), np.inf])


def test_without_truth_nothing_is_said_of_it() -> None:
    record = Classification(ids=ids(1), logits=np.zeros((1, 2)), labels=np.zeros(1, dtype=np.int64))
    for metric in (mse_p, kl_p):
        with pytest.raises(NotApplicable) as caught:
            metric(record)
        assert "truth" in caught.value.reason
