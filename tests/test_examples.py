"""The files under examples/ stay as short as promised, and work as their docstrings say."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def evaluate(tmp_path: Path, *words: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "bench", "eval", *words, "--out", str(tmp_path / "runs"), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("name", "most"), [("metric.py", 12), ("task.py", 15), ("model.py", 25)])
def test_an_example_is_short(name: str, most: int) -> None:
    source = (EXAMPLES / name).read_text()
    assert len(source.splitlines()) <= most
    assert ast.get_docstring(ast.parse(source))


def test_the_metric_is_reported_with_its_interval(tmp_path: Path) -> None:
    words = ["--plugin", str(EXAMPLES / "metric.py"), "-m", "logistic", "-t", "calibration/links-linear"]
    (row,) = [r for r in evaluate(tmp_path, *words) if r["metric"] == "margin" and not r["calibrator"]]
    assert -1 <= float(str(row["low"])) < float(str(row["value"])) < float(str(row["high"])) <= 1


def test_the_task_is_asked(tmp_path: Path) -> None:
    words = ["--plugin", str(EXAMPLES / "task.py"), "-t", "calibration/moons,n=300", "-m", "logistic"]
    rows = evaluate(tmp_path, *words)
    assert {r["task"] for r in rows} == {"calibration/moons,n=300"}
    assert next(r for r in rows if r["metric"] == "accuracy")["n"] == 200


def test_the_model_learns_and_answers(tmp_path: Path) -> None:
    words = ["--plugin", str(EXAMPLES / "model.py"), "-m", "nearest-mean,sharpness=100", "-t", "calibration/digits"]
    accuracy = next(r for r in evaluate(tmp_path, *words) if r["metric"] == "accuracy" and not r["calibrator"])
    assert float(str(accuracy["value"])) > 0.8  # ten equal classes: chance is .1


def test_the_predictions_are_read_and_calibrated(tmp_path: Path) -> None:
    rows = evaluate(tmp_path, "--predictions", str(EXAMPLES / "predictions.csv"), "--as", "classification")
    nll = {r["calibrator"]: float(str(r["value"])) for r in rows if r["metric"] == "nll"}
    assert nll["temperature"] < nll[""]  # they were made overconfident, by a factor of 1.5 in the logits
