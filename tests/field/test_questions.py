"""Questions for generation uncertainty, and the folders of UCI, from small files that the tests write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.answers.aliases import allowed, among, first_line, normal
from bench.errors import UsageError
from bench.tasks.uncertainty import field
from bench.tasks.uncertainty.uci import uncertainty_uci


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_answers_are_one_but_for_case_articles_and_punctuation() -> None:
    target = allowed(["The Beatles", "Beatles, The", "  "])
    assert target == "The Beatles\nBeatles, The"
    assert among(" the beatles!", target)
    assert not among("Beatles and Stones", target)
    assert normal("Twenty-one O'Clock") == "twenty one oclock"
    assert first_line(" Paris.\nQuestion: and") == "Paris"
    assert first_line(" \n") is None
    with pytest.raises(ValueError, match="no answer"):
        allowed([" the "])


def test_trivia_qa_and_nq_open_stand_after_worked_ones(tmp_path: Path) -> None:
    rows = [
        {"question": f"Who {k}?", "question_id": f"q{k}", "answer": {"value": f"Ann {k}", "aliases": [f"A. {k}"]}}
        for k in range(4)
    ]
    path = written(tmp_path / "trivia.jsonl", rows)
    examples = field.trivia_qa(0, path=path, shots=2)
    assert examples.ids.tolist() == ["q2", "q3"]
    assert examples.inputs[0] == (
        "Question: Who 0?\nAnswer: Ann 0\n\nQuestion: Who 1?\nAnswer: Ann 1\n\nQuestion: Who 2?\nAnswer:"
    )
    assert examples.reading is not None
    assert examples.targets is not None
    assert examples.reading.right(examples.targets[0], " a 2.\nQuestion: no")
    assert not examples.reading.right(examples.targets[0], " a 3\n")
    train = written(tmp_path / "train.jsonl", [{"question": "when?", "answer": ["1900", "the year 1900"]}] * 7)
    asked = written(tmp_path / "nq.jsonl", [{"question": "where?", "answer": ["here"]}])
    [prompt] = field.nq_open(0, path=asked, train=train).inputs
    assert prompt.count("Question: when?\nAnswer: 1900\n\n") == 5
    with pytest.raises(UsageError, match="no question is left"):
        field.nq_open(0, path=asked)
    with pytest.raises(UsageError, match="row 0 is not one of SciQ"):
        field.sciq(0, path=asked, shots=0)


def test_sciq_gsm8k_and_coqa(tmp_path: Path) -> None:
    row = {"question": "What melts?", "correct_answer": "ice", "support": "Ice\nmelts.", "distractor1": "fire"}
    examples = field.sciq(0, path=written(tmp_path / "sciq.jsonl", [row]), shots=0)
    assert examples.inputs[0] == "Support: Ice melts.\nQuestion: What melts?\nAnswer:"
    row = {"question": "2 and 2?", "answer": "So.\n#### 4"}
    examples = field.gsm8k(0, path=written(tmp_path / "gsm.jsonl", [row, row]), limit=1)
    assert len(examples) == 1
    story = {
        "id": "s1", "story": "A cat sat.", "questions": ["Who sat?", "Did it?"],
        "answers": {"input_text": ["a cat", "yes"], "answer_start": [0, 0], "answer_end": [1, 1]},
    }  # fmt: skip
    examples = field.coqa(0, path=written(tmp_path / "coqa.jsonl", [story, {**story, "id": None}]))
    assert examples.inputs[1] == "Story: A cat sat.\nQuestion: Who sat?\nAnswer: a cat\nQuestion: Did it?\nAnswer:"
    assert examples.groups is not None
    assert examples.groups.tolist() == ["s1", "s1", "story-1", "story-1"]
    assert examples.ids.tolist() == ["s1-0", "s1-1", "story-1-0", "story-1-1"]


def uci(folder: Path) -> Path:
    draws = np.random.default_rng(0)
    data = draws.normal(size=(30, 4)) * [1, 5, 1, 10] + [0, 100, 0, 50]
    np.savetxt(folder / "data.txt", data)
    np.savetxt(folder / "index_features.txt", [0, 1, 2], fmt="%d")
    np.savetxt(folder / "index_target.txt", [3], fmt="%d")
    np.savetxt(folder / "index_train_0.txt", np.arange(27), fmt="%d")
    np.savetxt(folder / "index_test_0.txt", np.arange(27, 30), fmt="%.18e")
    return folder


def test_uci_keeps_the_published_split_and_standardises_by_its_training_rows(tmp_path: Path) -> None:
    folder = uci(tmp_path)
    data = np.loadtxt(folder / "data.txt")
    examples = uncertainty_uci(0, path=str(folder))
    train = np.asarray(examples.split("train").inputs)
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(np.asarray(examples.split("test").targets), data[27:, 3])
    with_calibration = uncertainty_uci(0, path=str(folder), calibration=True)
    assert [len(with_calibration.split(part)) for part in ("train", "calibration", "test")] == [24, 3, 3]
    assert with_calibration.split("test").ids.tolist() == ["row-27", "row-28", "row-29"]


def test_what_is_no_such_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs the folder"):
        uncertainty_uci(0)
    folder = uci(tmp_path)
    with pytest.raises(UsageError, match="can't be read"):
        uncertainty_uci(0, path=str(folder), split=1)
    np.savetxt(folder / "index_test_0.txt", [26, 29], fmt="%d")
    with pytest.raises(UsageError, match="rows are in both parts"):
        uncertainty_uci(0, path=str(folder))
    np.savetxt(folder / "index_test_0.txt", [30], fmt="%d")
    with pytest.raises(UsageError, match="no places"):
        uncertainty_uci(0, path=str(folder))
