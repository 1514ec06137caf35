from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import entropy

from bench.arrays import Ragged
from bench.checks.calibration_profiles import asked_in_all_orders
from bench.components import NotApplicable
from bench.errors import RecordError
from bench.metrics.dispersion import concentration, mcmi_objective
from bench.metrics.orders import (
    adjusted,
    kl_divergence,
    nearest_population,
    normalised_entropy,
    position_bias,
    total_variation,
)
from bench.records import Choices
from tests.metrics.cases import choices, classification, ids, point

TASTE = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])


def test_divergences_against_scipy() -> None:
    p, q = np.random.default_rng(0).dirichlet(np.ones(4), (2, 5))
    np.testing.assert_allclose(kl_divergence(p, q), entropy(p, q, axis=1))
    np.testing.assert_allclose(normalised_entropy(p, np.full(5, 4)), entropy(p, axis=1) / np.log(4))
    np.testing.assert_allclose(total_variation(p, q), np.abs(p - q).sum(axis=1) / 2)
    assert kl_divergence(np.array([0.0, 1.0]), np.array([0.5, 0.5])) == pytest.approx(np.log(2))
    assert kl_divergence(np.array([0.5, 0.5]), np.array([0.0, 1.0])) == np.inf


def test_the_nearest_population_is_the_one_that_answers_alike() -> None:
    answers = adjusted(asked_in_all_orders(TASTE, np.array([0.6, 0.3, 0.1]))).probs
    populations = {"uniform": np.full((2, 3), 1 / 3), "same": TASTE, "other": TASTE[::-1].copy()}
    name, distances = nearest_population(answers, populations)
    assert name == min(distances, key=lambda k: distances[k]) == "same"


def test_a_strong_pull_hides_the_right_answer_in_single_orders_only() -> None:
    record = asked_in_all_orders(TASTE, np.array([0.9, 0.05, 0.05]))
    assert point("accuracy", record) == pytest.approx(1 / 3)
    assert point("choice-order-accuracy", record) == 1.0


def test_records_without_orders_are_left_out() -> None:
    with pytest.raises(NotApplicable):
        point("choice-order-accuracy", choices())
    record = asked_in_all_orders(TASTE, np.ones(3))
    with pytest.raises(NotApplicable):
        point("choice-order-entropy", replace(record, groups=None))


@pytest.mark.parametrize("order", [[[0, 1, 1], [0, 1, 2]], [[0, 1], [0, 1, 2]], [[0, 1, 3], [0, 1, 2]]])
def test_orders_that_are_none_are_refused(order: list[list[int]]) -> None:
    with pytest.raises(RecordError, match="order"):
        Choices(
            ids=ids(2),
            labels=np.zeros(2, dtype=int),
            loglik=Ragged.of([[-1.0, -2.0, -3.0]] * 2, np.float64),
            order=Ragged.of(order, np.int64),
        )


def test_rows_of_a_question_must_agree_on_what_is_right() -> None:
    record = asked_in_all_orders(TASTE, np.ones(3))
    with pytest.raises(RecordError, match="labels"):
        adjusted(replace(record, labels=np.zeros(len(record), dtype=int)))
    mixed = Choices(
        ids=ids(2),
        groups=np.array(["q", "q"]),
        labels=np.zeros(2, dtype=int),
        loglik=Ragged.of([[-1.0, -2.0], [-1.0, -2.0, -3.0]], np.float64),
        order=Ragged.of([[0, 1], [0, 1, 2]], np.int64),
    )
    with pytest.raises(RecordError, match="order"):
        adjusted(mixed)
    with pytest.raises(RecordError, match="differ"):
        position_bias(mixed)


def test_orders_survive_the_journal_and_selection() -> None:
    record = asked_in_all_orders(TASTE, np.array([0.6, 0.3, 0.1]))
    again = Choices.from_rows(list(record.rows()))
    assert again.order is not None
    assert record.order is not None
    assert again.order.values.tolist() == record.order.values.tolist()
    shuffled = record.take(np.random.default_rng(0).permutation(len(record)))
    np.testing.assert_allclose(adjusted(shuffled).probs, adjusted(record).probs)


def test_the_teachers_objective_adds_its_parts() -> None:
    record = classification(60, 4)
    w = np.ones((1, 60))
    found = float(mcmi_objective(record, 0.5, w)[0])
    assert found == pytest.approx(-point("nll", record) + 0.5 * point("cmi", record))


def test_the_profile_is_weighed() -> None:
    record = classification(20, 6)
    only_first = replace(record, weights=np.eye(20)[0])
    np.testing.assert_allclose(concentration(only_first), np.cumsum(np.sort(record.probs[0])[::-1]))
