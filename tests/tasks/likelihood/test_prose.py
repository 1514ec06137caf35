"""Stories and their exact log-probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from bench.examples import Examples
from bench.procedural import prose, split_of
from bench.tasks.likelihood.prose import STORIES, harbor, meadow


def test_stories_are_held_out_and_distinct() -> None:
    examples = meadow(0)
    assert len(set(examples.inputs)) == STORIES
    assert all(split_of(prose.split_story(text)[0]) == "test" for text in examples.inputs)
    assert list(meadow(0).inputs) == list(examples.inputs) != list(meadow(1).inputs)


def story_entropy(domain: str) -> float:
    """Entropy (nats) of a story from the start state: the sum over all that can follow, sentence by sentence."""

    @cache
    def rest(state: prose.State, sentences: int) -> float:
        if sentences == 0:
            return 0.0
        return sum(
            arc.probability * (rest(arc.after, sentences - (arc.word == ".")) - math.log(arc.probability))
            for arc in prose.source(domain)[state]
        )

    return rest(prose.START, prose.SENTENCES)


@pytest.mark.parametrize(("task", "domain"), [(meadow, "meadow"), (harbor, "harbor")])
def test_the_truth_agrees_with_the_entropy_of_the_source(task: Callable[[int], Examples], domain: str) -> None:
    truths = [task(seed).truth for seed in range(8)]
    truth = np.concatenate([t for t in truths if t is not None])
    assert len(truth) == 8 * STORIES
    error = truth.std(ddof=1) / len(truth) ** 0.5
    assert abs(-truth.mean() - story_entropy(domain)) < 4 * error
    assert error < 0.02 * story_entropy(domain)


def test_the_shifted_domain_is_impossible_under_the_learnt_one() -> None:
    assert all(prose.log_prob(text, "meadow") == -np.inf for text in harbor(0).inputs)
