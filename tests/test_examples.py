"""The files under examples/ stay as short as promised, and work as their docstrings say."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
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


@pytest.mark.parametrize(
    ("spec", "off_by"),
    [
        ("velocity:{}:velocity", 1e-4),
        ("score:{}:score", 1e-2),
        ("latent:{}:Vae,k=500", 0.1),
        ("energy:{}:energy", 0.05),
    ],
)
def test_the_densities_are_the_gaussian_that_they_stand_for(spec: str, off_by: float) -> None:
    from bench.capabilities import Machine
    from bench.models.building import build
    from bench.specs import parse
    from bench.tasks.likelihood.gaussian_mixture import likelihood_gaussian_mixture

    examples = likelihood_gaussian_mixture(0)
    model = build(parse(spec.format(EXAMPLES / "density.py")), Machine())
    if hasattr(model, "fit"):
        model.fit(examples.split("train"), 0)
    rows = np.asarray(examples.split("test").inputs)[:50]
    known = -(rows**2).sum(axis=1) / 16.5 - np.log(2 * np.pi * 8.25)
    np.testing.assert_allclose(model.density(rows).log_prob, known, rtol=0, atol=off_by)


def test_the_predictions_are_read_and_calibrated(tmp_path: Path) -> None:
    rows = evaluate(tmp_path, "--predictions", str(EXAMPLES / "predictions.csv"), "--as", "classification")
    nll = {r["calibrator"]: float(str(r["value"])) for r in rows if r["metric"] == "nll"}
    assert nll["temperature"] < nll[""]  # they were made overconfident, by a factor of 1.5 in the logits


def documented(name: str) -> list[str]:
    """The words of the command that the examples' own documentation gives for that file."""
    doc = ast.get_docstring(ast.parse((EXAMPLES / "make_predictions.py").read_text())) or ""
    (line,) = [each for each in doc.splitlines() if each.strip().startswith("bench eval") and f"/{name}.csv" in each]
    return [word.replace("examples", str(EXAMPLES)) for word in line.split()[2:]]


# What each file was made from: the calibrator, and metrics with their truth, where it is known.
TRUTHS: dict[str, tuple[str, dict[str, float | None]]] = {
    "classification": ("temperature", {"ece": None, "nll": None, "cox-slope": None}),
    "ood": ("", {"auroc": 0.8556, "fpr95-ood": None, "aupr-in": None}),
    "regression": ("", {"crps": None, "coverage-90": 0.8118, "pit-ks": None}),
    "sets": ("conformal-aps", {"set-coverage": 0.9, "set-size": None}),
}


@pytest.mark.parametrize("name", list(TRUTHS))
def test_each_kind_of_predictions_prints_its_family_with_intervals(name: str, tmp_path: Path) -> None:
    calibrator, truths = TRUTHS[name]
    extra = ["--metric", "cox-slope"] if name == "classification" else []
    rows = evaluate(tmp_path, *documented(name), *extra)
    found = {str(r["metric"]): r for r in rows if r["calibrator"] == calibrator and not r["slice"]}
    for metric, truth in truths.items():
        low, value, high = (float(str(found[metric][end])) for end in ("low", "value", "high"))
        assert low < high, metric
        # An interval reaches two standard errors either way; 4.5 of them miss a truth once in 150,000 files.
        assert truth is None or abs(value - truth) <= 4.5 / 1.96 * max(high - value, value - low), metric
    assert all(r["low"] is not None or "none: " in str(r["method"]) for r in rows)
    assert sum(r["low"] is not None for r in found.values()) >= len(truths)
    if name == "classification":  # the logits were made twice as large as they should be
        before = next(r for r in rows if r["metric"] == "cox-slope" and not r["calibrator"])
        assert float(str(before["high"])) < 1 <= float(str(found["cox-slope"]["high"]))


def test_the_predictions_are_what_their_maker_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLES / "make_predictions.py"), str(tmp_path)], check=True)
    made = sorted(tmp_path.glob("*.csv"))
    assert [file.stem for file in made] == sorted(TRUTHS)
    for file in made:
        assert file.read_bytes() == (EXAMPLES / file.name).read_bytes()
