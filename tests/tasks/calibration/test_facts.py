"""Questions of fact with choices."""

from __future__ import annotations

import numpy as np

from bench.procedural.biographies import registry
from bench.tasks.calibration.facts import facts


def test_the_target_is_the_fact_and_its_place_is_chance() -> None:
    examples = facts(0)
    people = {person.name: person for person in registry()}
    assert examples.groups is not None
    assert examples.targets is not None
    for question, target, name in zip(
        examples.inputs, examples.targets.tolist(), examples.groups.tolist(), strict=True
    ):
        assert len(set(question.choices)) == 4
        assert name in question.prompt
        assert question.choices[target].strip(" .") in {people[name].city, people[name].job, people[name].year}
        assert not question.prompt.endswith(" ")
    places = np.bincount(examples.targets, minlength=4)
    # 120 draws of four places: each within four standard deviations of 30.
    assert np.abs(places - len(examples) / 4).max() < 4 * (len(examples) * 0.25 * 0.75) ** 0.5


def test_one_person_s_questions_are_one_group() -> None:
    examples = facts(0)
    assert examples.groups is not None
    assert 1 < len(set(examples.groups.tolist())) < len(examples)
