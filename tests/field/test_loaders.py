"""The field's data sets, from small files in their own formats that the tests write."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import EvaluationError, UsageError
from bench.examples import Examples
from bench.field.code import passes, read_code
from bench.tasks.reasoning import code, field

Write = Callable[[list[dict[str, Any]]], str]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    def write(rows: list[dict[str, Any]]) -> str:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write


def _only(examples: Examples) -> tuple[Any, Any]:
    assert len(examples) == 1
    assert examples.targets is not None
    return examples.inputs[0], examples.targets[0]


def test_gsm8k(written: Write) -> None:
    path = written([{"question": "2 and 2?", "answer": "2+2=<<2+2=4>>4\n#### 1,004"}])
    examples = field.gsm8k(0, path=path)
    prompt, target = _only(examples)
    assert prompt.startswith("Question: 2 and 2?")
    assert target == "1004"
    assert examples.reading is not None
    assert examples.reading.extract("Well. The answer is 1004.") == target


def test_math_500_and_aime(written: Write) -> None:
    pytest.importorskip("math_verify")
    row = {"problem": "Half?", "solution": r"\boxed{\frac{1}{2}}", "answer": r"\frac{1}{2}", "subject": "Algebra"}
    examples = field.math_500(0, path=written([row | {"unique_id": "test/a/1.json"}]))
    _, target = _only(examples)
    assert examples.reading is not None
    assert examples.dataset is not None
    assert examples.dataset.tolist() == ["Algebra"]
    said = examples.reading.extract(r"It is \boxed{0.5}.")
    assert said is not None
    assert examples.reading.same(said, target)
    examples = field.aime(0, path=written([{"id": "2024-I-1", "problem": "How many?", "answer": "025"}]))
    assert _only(examples)[1] == "25"


def test_arc(written: Write) -> None:
    row = {
        "id": "Q1", "question": "Which?", "answerKey": "2",
        "choices": {"text": ["a stone", "a tree"], "label": ["1", "2"]},
    }  # fmt: skip
    question, label = _only(field.arc(0, path=written([row])))
    assert question.choices == (" a stone", " a tree")
    assert label == 1


def test_mmlu_and_mmlu_pro(written: Write) -> None:
    row = {"question": "Which?", "subject": "astronomy", "choices": ["w", "x", "y", "z"], "answer": 2}
    examples = field.mmlu(0, path=written([row, row]))
    assert examples.ids[1] == f"{examples.ids[0]}-2"  # data sets do repeat questions
    assert examples.inputs[0].prompt == "Question: Which?\nA. w\nB. x\nC. y\nD. z\nAnswer:"
    assert examples.inputs[0].choices[2] == " C"
    row = {"question_id": 7, "question": "Which?", "options": list("uvwxyz"), "answer": "F", "category": "law"}
    question, label = _only(field.mmlu_pro(0, path=written([row])))
    assert (len(question.choices), label) == (6, 5)


def test_gpqa_shuffles_by_seed(written: Write) -> None:
    row = {"Question": "Why?", "Correct Answer": "r", "Record ID": "x",
           **{f"Incorrect Answer {i}": f"w{i}" for i in (1, 2, 3)}}  # fmt: skip
    path = written([row])
    labels = set()
    for seed in range(20):
        question, label = _only(field.gpqa(seed, path=path))
        assert f"\n{'ABCD'[label]}. r" in question.prompt
        labels.add(int(label))
    assert labels == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("(B)", "So the answer is (B)."),
        ("True", "The answer is true"),
        ("7", "the answer is 7."),
        ("valid", "the answer is valid."),
    ],
)
def test_bbh(written: Write, target: str, said: str) -> None:
    examples = field.bbh(0, path=written([{"input": "not True is", "target": target}]))
    assert examples.reading is not None
    assert examples.reading.extract(said) == _only(examples)[1]


def test_folio_and_proofwriter(written: Write) -> None:
    row = {"premises": "All cats purr.\nTom is a cat.", "conclusion": "Tom purrs.", "label": "Uncertain"}
    question, label = _only(field.folio(0, path=written([row])))
    assert label == 2
    assert "All cats purr. Tom is a cat." in question.prompt
    proof = {"theory": "Bo is big.", "question": "Bo is not big.", "answer": "False", "QDep": 0}
    examples = field.proofwriter(0, path=written([proof]))
    assert _only(examples)[1] == 1
    assert examples.dataset is not None
    assert examples.dataset.tolist() == ["depth-0"]


def test_code_runs_only_when_asked(written: Write) -> None:
    row = {
        "task_id": "HumanEval/0", "prompt": 'import math\n\ndef add(a, b):\n    """Sum."""\n', "entry_point": "add",
        "canonical_solution": "    return a + b\n", "test": "def check(f):\n    assert f(1, 2) == 3\n",
    }  # fmt: skip
    path = written([row])
    with pytest.raises(UsageError, match="runs programs"):
        code.humaneval(0, path=path)
    _, target = _only(code.humaneval(0, path=path, execute=True))
    assert passes(str(row["canonical_solution"]), target)
    assert passes("def add(a, b):\n    return math.fsum((a, b))", target)
    assert not passes("    return a - b", target)
    assert not passes("    raise SystemExit(0)", target)
    assert not passes("    return a +", target)


def test_mbpp(written: Write) -> None:
    row = {"task_id": 3, "text": "Double it.", "code": "", "test_list": ["assert f(2) == 4"], "test_setup_code": ""}
    _, target = _only(code.mbpp(0, path=written([row]), execute=True))
    assert passes("def f(x):\n    return 2 * x", target)
    assert not passes("def f(x):\n    return x", target)


def test_code_in_fences() -> None:
    assert read_code("Here:\n```python\nx = 1\n```\nDone") == "x = 1"
    assert read_code("```\nx = 1") == "x = 1"
    assert read_code("    return 1\n") == "    return 1"
    assert read_code("  \n") is None


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet"])
def test_other_kinds_of_files_and_folders(tmp_path: Path, suffix: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"question": ["q1", "q2"], "answer": ["x #### 1", "y #### 2"]})
    folder = tmp_path / "copy"
    folder.mkdir()
    path = folder / f"a.{suffix}"
    if suffix == "json":
        path.write_text(str(table.to_json(orient="records")))
    elif suffix == "csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path)
    for place in (path, folder):
        targets = field.gsm8k(0, path=str(place)).targets
        assert targets is not None
        assert targets.tolist() == ["1", "2"]


def test_what_is_wrong_is_said(written: Write, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="row 1 is not one of GSM8K"):
        field.gsm8k(0, path=written([{"question": "q", "answer": "x #### 1"}, {"question": "q", "answer": "x"}]))
    with pytest.raises(UsageError, match="holds no data set"):
        field.gsm8k(0, path=str(tmp_path / "absent.jsonl"))
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")
    with pytest.raises(UsageError, match="can't be read as jsonl"):
        field.gsm8k(0, path=str(broken))
    with pytest.raises(UsageError, match="row 0"):
        field.mmlu(0, path=written([{"question": "q", "choices": ["a", "b"], "answer": 5}]))
    with pytest.raises(UsageError, match="row 0"):
        field.folio(0, path=written([{"premises": "p", "conclusion": "c", "label": "maybe"}]))


def test_without_network_the_hub_s_absence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def gone(*_: object, **__: object) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(datasets, "load_dataset", gone)
    with pytest.raises(EvaluationError, match="can't be had"):
        field.gsm8k(0)
