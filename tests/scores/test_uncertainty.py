from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from bench.components import NotApplicable
from bench.records import Classification
from bench.scores.uncertainty import entropy, mixture, mutual_information
from tests.metrics.cases import classification, ids


def test_entropy_against_scipy() -> None:
    record = classification(60, 7)
    np.testing.assert_allclose(entropy(record), scipy_entropy(record.probs, axis=1), rtol=1e-10)


def test_entropy_where_classes_cannot_be_and_logits_are_extreme() -> None:
    logits = np.array([[0, -np.inf, -np.inf], [0, 0, -np.inf], [1e9, 1e9, 1e9], [0, -30.0, -np.inf]])
    record = Classification(ids=ids(4), logits=logits, labels=np.zeros(4, dtype=np.int64))
    small = np.exp(-30.0) * 31  # -p log p - (1 - p) log(1 - p) = p (30 + 1) to first order
    np.testing.assert_allclose(entropy(record), [0, np.log(2), np.log(3), small], rtol=1e-12, atol=2.3e-16)


def test_mutual_information_lies_between_agreement_and_log_m() -> None:
    record = classification(60, 4)
    assert record.members is not None
    found = mutual_information(record)
    assert (found > 0).all()
    assert (found <= np.log(3)).all()
    same = np.repeat(record.members[:, :1], 3, axis=1)
    assert mutual_information(replace(record, members=same)).max() < 1e-15
    with pytest.raises(NotApplicable):
        mutual_information(replace(record, members=None))


def test_members_need_not_be_normalised() -> None:
    record = classification(60, 4)
    assert record.members is not None
    shifted = replace(record, members=record.members + 3.0)
    np.testing.assert_allclose(mutual_information(shifted), mutual_information(record), rtol=1e-9, atol=1e-15)


def test_mixture_of_impossible_classes() -> None:
    with np.errstate(divide="ignore"):
        members = np.log(np.array([[[1.0, 0, 0], [0.5, 0.5, 0]]]))
    np.testing.assert_allclose(np.exp(mixture(members)), [[0.75, 0.25, 0]])
