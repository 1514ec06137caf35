"""What every reasoning task promises: seeds, ids, groups, and choices in which the target stands."""

from __future__ import annotations

from inspect import signature

import numpy as np
import pytest

from bench.components import Task
from bench.examples import Question
from bench.registry import components
from bench.runners.identity import data_fingerprint

# Those with a path read a data set of others.
NAMES = sorted(
    name
    for name, task in components(Task).items()
    if name.startswith("reasoning/") and "path" not in signature(task.function).parameters
)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_make_the_samples(name: str) -> None:
    function = components(Task)[name].function
    first, again, other = function(0), function(0), function(1)
    assert data_fingerprint(first) == data_fingerprint(again)
    assert data_fingerprint(first) != data_fingerprint(other)
    test = first.split("test")
    assert len(test) >= 40
    for row, question in enumerate(test.inputs):
        if isinstance(question, Question):
            assert test.targets is not None
            assert 0 <= test.targets[row] < len(question.choices)
            assert len(set(question.choices)) == len(question.choices)
            assert all(choice.startswith(" ") for choice in question.choices)
            assert question.prompt == question.prompt.rstrip()
    if test.truth is not None:
        np.testing.assert_allclose(np.asarray(test.truth).sum(axis=1), 1)
