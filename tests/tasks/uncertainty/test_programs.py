"""Programs to be written, the sets made of them, and what is refused."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from bench.arrays import Ragged
from bench.calibrators.program_sets import LIMITS, pac_programs
from bench.components import NotApplicable
from bench.errors import EvaluationError, RecordError, UsageError
from bench.examples import Examples
from bench.language import Draw, Generated
from bench.metrics.programs import nodes_left_out, program_coverage, program_match
from bench.procedural import programs
from bench.records import Programs
from bench.tasks.uncertainty.programs import uncertainty_programs, written


def text(pieces: Sequence[str], end: int) -> Generated:
    """A text of these tokens, of which those from `end` on are its stop string; each costs its number in nats."""
    costs = -np.arange(1.0, len(pieces) + 1)
    return Generated("".join(pieces[:end]), np.arange(len(pieces)), costs, stopped=True, pieces=tuple(pieces))


class Reciter:
    """Knows the right program of each prompt, and is unsure of its last number."""

    def __init__(self, examples: Examples, spoilt: int) -> None:
        self.right = dict(examples.inputs)
        self.spoilt = set(list(self.right)[:spoilt])

    def generate(self, draws: Sequence[Draw]) -> list[Generated]:
        return [self._one(draw) for draw in draws]

    def _one(self, draw: Draw) -> Generated:
        pieces = (" ", *self.right[draw.prompt])
        numbers = [k for k, piece in enumerate(pieces) if piece.isdigit()] or [1]
        costs = np.where(np.arange(len(pieces)) == numbers[-1], -1.0, 0.0)
        if draw.prompt in self.spoilt and pieces[numbers[-1]].isdigit():
            pieces = (*pieces[: numbers[-1]], str((int(pieces[numbers[-1]]) + 1) % 10), *pieces[numbers[-1] + 1 :])
        return Generated("".join(pieces[:-1]), np.arange(len(pieces)), costs, stopped=True, pieces=pieces)


def record(examples: Examples, model: Any) -> Programs:
    made = examples.asker(model, None, examples, 0, {"ids": examples.ids, "splits": examples.splits})  # type: ignore[misc]
    assert isinstance(made, Programs)
    return made


def test_sentences_ask_for_python_and_no_test_sentence_is_trained_on() -> None:
    found = programs.drawn(Random(0), 200, "train")
    for one in found:
        ast.parse(one.program, mode="eval")
    held = {one.sentence for one in programs.drawn(Random(1), 200, "test")}
    assert not held & {one.sentence for one in found}
    examples = uncertainty_programs(0)
    assert {name: len(examples.split(name)) for name in ("train", "calibration", "test")} == {
        "train": 400, "calibration": 120, "test": 120,
    }  # fmt: skip


def test_tokens_are_placed_in_the_program() -> None:
    assert written(text([" ", "ma", "x(", "v", ")", "\n"], 5)) == ("max(v)", [0, 2, 4, 5], [-2.0, -3.0, -4.0, -5.0])
    assert written(text([" f", "(1", ")\n"], 3)) == ("f(1)", [0, 1, 3], [-1.0, -2.0, -3.0])
    fenced = text(["Here:\n", "```python\n", "x", " = 1", "\n```"], 5)
    assert written(fenced) == ("x = 1", [0, 2], [-3.0, -4.0])
    assert written(text(["\n"], 0)) == ("", [], [])
    with pytest.raises(EvaluationError, match="what its tokens are"):
        written(Generated("x", np.zeros(1, dtype=np.int64), np.zeros(1), stopped=True))


def test_sets_hold_what_the_model_is_unsure_of() -> None:
    examples = uncertainty_programs(0)
    asked = examples.take(np.flatnonzero(examples.splits != "train"))
    whole = record(asked, Reciter(asked, 200))
    assert 0 < program_match(whole).values.mean() < 0.5
    with pytest.raises(NotApplicable, match="no sets"):
        program_coverage(whole)
    calibration = pac_programs(whole.split("calibration"))
    sets = calibration.apply(whole.split("test"))
    assert 0 < calibration.parameters["limit"] <= 1
    assert sets.level == pytest.approx(0.9)
    assert program_coverage(sets).values.all()
    assert 0 < nodes_left_out(sets).values.mean() < 0.2
    sure = pac_programs(record(asked, Reciter(asked, 0)).split("calibration"))
    assert sure.parameters["limit"] == "none"


def test_what_is_no_python_is_all_hole_or_wrong() -> None:
    one: dict[str, Any] = {
        "ids": np.arange(60).astype(str),
        "program": np.full(60, "max(", dtype=object),
        "target": np.full(60, "max(v)", dtype=object),
        "starts": Ragged.of([[0]] * 60, np.int64),
        "logprobs": Ragged.of([[0.0]] * 60, np.float64),
        "matches": np.zeros(60, dtype=bool),
    }
    found = Programs(**one)
    calibration = pac_programs(found)
    assert calibration.parameters["limit"] == LIMITS[1]
    assert program_coverage(calibration.apply(found)).values.all()
    assert nodes_left_out(calibration.apply(found)).values.all()
    with pytest.raises(NotApplicable, match="too few"):
        pac_programs(found.take(np.arange(5)))
    with pytest.raises(NotApplicable, match="share a group"):
        pac_programs(Programs(**one, groups=np.full(60, "a")))
    with pytest.raises(RecordError, match="'level' is"):
        Programs(**one, holds=np.ones(60, dtype=bool))
    with pytest.raises(RecordError, match="starts"):
        Programs(**{**one, "starts": Ragged.of([[]] * 60, np.int64)})


def test_programs_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    rows = [{"prompt": f"# {k}\n", "program": f"def f():\n    return {k}"} for k in range(10)]
    file.write_text("\n".join(map(json.dumps, rows)))
    examples = uncertainty_programs(0, path=str(file))
    assert len(examples.split("calibration")) == len(examples.split("test")) == 5
    assert record(examples, Reciter(examples, 0)).matches.all()
    file.write_text(json.dumps({"prompt": "a", "program": "def ("}))
    with pytest.raises(UsageError, match="row 0"):
        uncertainty_programs(0, path=str(file))
