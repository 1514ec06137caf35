"""The procedural reasoning tasks: held out, stratified, and read as they are meant to be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from bench.examples import Examples
from bench.procedural import items
from bench.tasks.reasoning.procedural import arithmetic, logic

TASKS = pytest.mark.parametrize(("task", "kind"), [(arithmetic, "arithmetic"), (logic, "logic")])


@TASKS
def test_each_difficulty_has_the_same_share(task: Callable[[int], Examples], kind: str) -> None:
    examples = task(3)
    drawn = {item.id: item for item in items(kind, len(examples), 3)}
    assert Counter(drawn[i].difficulty for i in examples.ids.tolist()) == dict.fromkeys((1, 2, 3, 4), 25)
    assert all(drawn[i].prompt == text for i, text in zip(examples.ids.tolist(), examples.inputs, strict=True))


@TASKS
def test_worked_solutions_are_read_as_the_targets(task: Callable[[int], Examples], kind: str) -> None:
    examples = task(0)
    assert examples.reading is not None
    assert examples.targets is not None
    for item, target in zip(items(kind, len(examples), 0), examples.targets.tolist(), strict=True):
        text = item.solution.split("\n")[0]
        assert examples.reading.extract(text) == target
        assert examples.reading.extract(text.replace("So", "Thus")) is None


@TASKS
def test_seeds_give_other_questions_and_the_same_again(task: Callable[[int], Examples], kind: str) -> None:
    assert task(1).ids.tolist() == task(1).ids.tolist()
    assert set(task(1).ids.tolist()) != set(task(2).ids.tolist())


def test_sums_are_right() -> None:
    examples = arithmetic(5)
    assert examples.targets is not None
    for text, target in zip(examples.inputs, examples.targets.tolist(), strict=True):
        total, *rest = text.removeprefix("Q: ").removesuffix(" = ?\nA:").replace(" * ", "*").split(" ")
        left, _, right = total.partition("*")
        value = int(left) * int(right or 1)
        for sign, term in zip(rest[::2], rest[1::2], strict=True):
            value += int(term) if sign == "+" else -int(term)
        assert str(value) == target
