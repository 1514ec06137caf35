"""A field question set from a local file, from its file to its numbers, on an embedded model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.capabilities import Machine
from bench.config import resolve
from bench.language import Draw
from bench.models.building import build
from bench.records import Generations
from bench.runners.execute import evaluate
from bench.runners.plan import plan
from bench.runners.progress import Silent
from bench.specs import parse
from bench.tasks.uncertainty.field import nq_open
from bench.tasks.uncertainty.generations import SCORES

QUESTIONS = [f"Where does {name} work?" for name in ("Ann Vale", "Bo Crane", "Cleo Marsh", "Dan Reed")]


def written(path: Path, answers: list[list[str]]) -> Path:
    rows = [{"question": q, "answer": a} for q, a in zip(QUESTIONS, answers, strict=True)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def greedy(path: Path) -> list[str]:
    """What the model answers to the questions of a file."""
    examples = nq_open(0, path=str(path), shots=0)
    reading = examples.reading
    assert reading is not None
    model = build(parse("lm-small"), Machine())
    draws = [Draw(str(text), 0, 0.0, 1.0, reading.stop, reading.max_tokens) for text in examples.inputs]
    return [str(reading.extract(one.text)) for one in model.generate(draws)]


def test_right_are_those_whose_answer_the_file_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said = greedy(written(tmp_path / "none.jsonl", [["nothing"]] * len(QUESTIONS)))
    # Every other question allows what the model says, told otherwise.
    allowed = [[f"The {answer.upper()}!", "no"] if k % 2 else ["no"] for k, answer in enumerate(said)]
    task = f"uncertainty/nq-open,path={written(tmp_path / 'some.jsonl', allowed)},shots=0"
    asked = resolve({"models": ["lm-small"], "tasks": [task], "out": tmp_path / "runs"}, cwd=tmp_path, environ={})
    folder = evaluate(asked, plan(asked), Silent())
    record = folder.record(folder.cells[0].name)
    assert isinstance(record, Generations)
    assert record.answer.tolist() == said
    np.testing.assert_array_equal(record.correct, [False, True, False, True])
    np.testing.assert_array_equal(record.text.lengths, 11)
    numbers = {(r.metric, r.score): r.value for r in folder.results()}
    assert numbers["accuracy", ""] == 0.5
    judged = {score: value for (metric, score), value in numbers.items() if metric == "auroc"}
    # A model that names no percentage has no confidence in words; all others are judged.
    silent = {"verbalised"} if record.stated is None or np.isnan(record.stated).all() else set()
    assert set(judged) == set(SCORES) - silent
    # Two right and two wrong ones: four pairs, each won, tied or lost.
    assert all(value in np.arange(9) / 8 for value in judged.values())
