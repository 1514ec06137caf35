"""Suites: read strictly, with the line of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.suites import SuiteCell, load, suites

GOOD = """name: mine
description: two cells
cells:
  - models: [mlp, logistic]
    tasks: [calibration/digits]
  - models: ["hf:./m,dtype=float16"]
    tasks: [reasoning/arithmetic]
    decoders: [greedy]
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    suite = load(str(path))
    assert suite.name == "mine"
    assert suite.cells == (
        SuiteCell(models=("mlp", "logistic"), tasks=("calibration/digits",)),
        SuiteCell(models=("hf:./m,dtype=float16",), tasks=("reasoning/arithmetic",), decoders=("greedy",)),
    )


def test_built_in_suites_are_named_as_their_files() -> None:
    found = suites()
    assert "quick" in found
    assert all(suite.name == name and suite.description for name, suite in found.items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\ncells: [\n", ["line 3", "YAML"]),
        ("name: x\n\tcells: []\n", ["line 2"]),
        ("name: x\ncells:\n  - models: [a]\n    task: [b]\n", ["line 4", "'task'", "did you mean 'tasks'?"]),
        ("name: x\ncell:\n  - models: [a]\n", ["'cell'", "did you mean 'cells'?"]),
        ("name: x\ncells:\n  - models: [a]\n", ["line 3", "'tasks' is missing"]),
        ("name: x\ncells: []\n", ["line 2", "'cells'"]),
        ("name: x\ncells:\n  - models: a\n    tasks: [b]\n", ["line 3", "models"]),
        ("name: x\ncells:\n  - models: []\n    tasks: [b]\n", ["line 3", "models"]),
        ("name: x\nname: y\ncells:\n  - {models: [a], tasks: [b]}\n", ["line 2", "'name' occurs twice"]),
        ("name: x\ncells:\n  - {models: [1], tasks: [b]}\n", ["line 3", "models"]),
        ("- a\n", ["holds no suite"]),
        ("", ["holds no suite"]),
        ("name: !!python/object/apply:os.system ['true']\n", ["line 1"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(str(path))
    for word in [str(path), *words]:
        assert word in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        load(str(path))


def test_the_nearest_suite_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        load("quik")
    assert "did you mean 'quick'?" in caught.value.fix


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UsageError, match=r"'no/such\.yaml' not found"):
        load("no/such.yaml")
