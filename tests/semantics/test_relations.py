from __future__ import annotations

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

from bench.arrays import Ragged
from bench.checks.generations import pool
from bench.components import NotApplicable
from bench.errors import UsageError
from bench.semantics.pools import draws, of_answer
from bench.semantics.relations import meanings, normalised, similarities
from bench.semantics.rouge import rouge_l

TEXTS = ["The red fox ran.", "a red fox", "fox red ran the", "", "blue, blue; BLUE 3.5", "blue blue 3 5"]


def test_rouge_l_agrees_with_the_package() -> None:
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    for a in TEXTS:
        for b in TEXTS:
            expected = scorer.score(a, b)["rougeL"].fmeasure
            assert rouge_l(a, b) == pytest.approx(1.0 if not a and not b else expected, abs=1e-12)


def test_normalising_keeps_points_within_numbers() -> None:
    assert normalised("The  Answer, is 3.5.") == "answer is 3.5"
    assert normalised("An apple!") == normalised("apple")


def test_greedy_texts_are_no_draws_and_stand_for_the_answer() -> None:
    record = pool(
        [["g", "x", "y"], ["h", "h", "z"]],
        greedy=Ragged.of([[True, False, False], [True, False, False]], np.bool_),
        token_logprobs=Ragged.of([[-1, -2, -3], [-4, -5, -6]], np.float64),
    )
    assert draws(record).texts.tolist() == ["x", "y", "h", "z"]
    assert record.chosen.tolist() == [0, 3]
    assert of_answer(record, "token_logprobs").values.tolist() == [-1, -4]


def test_without_a_greedy_text_the_likeliest_of_those_with_the_answer_stands_for_it() -> None:
    record = pool(
        [["one", "two", "three"]],
        [[-3.0, -1.0, -2.0]],
        answer=np.array(["a"], dtype=object),
        answers=Ragged.of([["a", "b", "a"]], object),
    )
    assert record.chosen.tolist() == [2]


def test_meanings_join_the_first_class_whose_first_member_is_alike() -> None:
    states = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.2, 1.0]])
    record = pool([["p", "q", "r", "s"]], states=Ragged.of([states.ravel()], np.float64))
    assert meanings(record, "embedding").tolist() == [0, 1, 0, 1]
    assert similarities(record, "embedding")[0][0, 2] == pytest.approx(1 / np.sqrt(1.01))
    assert meanings(pool([["A b.", "a b", "c"]]), "exact").tolist() == [0, 1, 2]
    assert meanings(pool([["x b.", "X b", "c"]]), "normalised").tolist() == [0, 0, 1]


def test_what_cannot_be_asked_says_so() -> None:
    with pytest.raises(UsageError, match="relation"):
        meanings(pool([["x", "y"]]), "cosine")
    with pytest.raises(UsageError, match="needs a model"):
        meanings(pool([["x", "y"]]), "nli")
    with pytest.raises(NotApplicable, match="states"):
        similarities(pool([["x", "y"]]), "embedding")
    with pytest.raises(NotApplicable, match="two samples"):
        draws(pool([["x"]]))
