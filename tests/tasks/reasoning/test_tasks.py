"""What every reasoning task promises: seeds, ids, groups, and choices in which the target stands."""

from __future__ import annotations

import numpy as np
import pytest

from bench.components import Task, positional
from bench.examples import Question
from bench.registry import components
from bench.runners.identity import data_fingerprint

NAMES = sorted(name for name in components(Task) if name.startswith("reasoning/"))


@pytest.mark.parametrize("name", NAMES)
def test_seeds_make_the_samples(name: str) -> None:
    function = components(Task)[name].function
    if len(positional(function)) > 1:
        pytest.skip("it reads a data set")
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
