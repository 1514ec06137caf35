"""Pairs of answers: the world's law, what the metrics say of models that know it, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.arrays import AnyArray
from bench.capabilities import Classified
from bench.errors import EvaluationError, RecordError
from bench.metrics.pairs import pair_clipped, pair_coverage, pair_variance, second_order_error
from bench.records import Paired
from bench.scores.pairs import cheat_corrected, cheat_variance
from bench.tasks.uncertainty.pairs import ask, law, pairs, uncertainty_pairs, uncertainty_pairs_hidden, variance


class Best:
    """Says the pairs' law as the world has it."""

    def classify(self, inputs: AnyArray) -> Classified:
        return Classified(np.log(pairs(inputs[:, 1], inputs[:, 0])).reshape(-1, 9))


class Sure:
    """Takes all that it cannot see for noise."""

    def classify(self, inputs: AnyArray) -> Classified:
        return Classified(np.log(pairs(inputs[:, 1], np.zeros(len(inputs)))).reshape(-1, 9))


class Small:
    def classify(self, inputs: AnyArray) -> Classified:
        return Classified(np.zeros((len(inputs), 3)))


def record(model: Any, seed: int = 0) -> Paired:
    test = uncertainty_pairs(seed).split("test")
    return ask(model, None, test, 0, {"ids": test.ids, "dataset": test.dataset})


def test_the_law_of_pairs_is_that_of_many_worlds() -> None:
    number, hidden = np.array([0.2, 0.2]), np.array([0.0, 1.0])
    np.testing.assert_allclose(pairs(number, hidden).sum(axis=2), law(number))
    own = np.random.default_rng(0).dirichlet(law(number)[0], 200_000)
    np.testing.assert_allclose(pairs(number, hidden)[1], np.einsum("ni,nj->ij", own, own) / len(own), atol=0.003)
    np.testing.assert_allclose(variance(number, hidden)[1], own.var(axis=0), atol=0.003)


def test_a_model_that_takes_ignorance_for_noise_is_found_out_without_the_truth() -> None:
    best, sure = record(Best()), record(Sure())
    one = np.ones((1, len(best)))
    assert second_order_error(best, one)[0] < 0.02
    assert second_order_error(sure, one)[0] > 0.05
    assert pair_variance(sure).values == pytest.approx(0, abs=1e-12)
    assert pair_coverage(best).values.mean() >= 0.9
    assert pair_coverage(sure).values.mean() < 0.6
    assert pair_clipped(best).values.mean() <= 0.5  # of noisy questions, where rounding alone decides
    # Both say the same of one answer alone.
    np.testing.assert_allclose(best.logits, sure.logits)


def test_scores_tell_hidden_from_noisy() -> None:
    best = record(Best())
    hidden = np.asarray(best.dataset) == "hidden"
    for score in (cheat_variance, cheat_corrected):
        assert score(best)[hidden].min() > score(best)[~hidden].max()
    examples = uncertainty_pairs_hidden(0)
    np.testing.assert_array_equal(examples.ood, np.asarray(examples.dataset) == "hidden")


def test_what_is_no_law_of_pairs_is_refused() -> None:
    with pytest.raises(EvaluationError, match="3 classes"):
        record(Small())
    joint = np.array([[[0.5, 0.2], [0.1, 0.2]]])
    columns: dict[str, Any] = {"ids": np.array(["a"]), "logits": np.zeros((1, 2)), "labels": np.zeros(1, dtype=int)}
    with pytest.raises(RecordError, match="symmetric law"):
        Paired(**columns, second=np.zeros(1, dtype=int), joint=joint)
    with pytest.raises(RecordError, match="second"):
        Paired(**columns, second=np.full(1, 2), joint=np.full((1, 2, 2), 0.25))
