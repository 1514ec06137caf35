"""The same work gives the same numbers, whatever the batches, the day or the machine's load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.errors import ExitCode
from bench.suites import FOLDER
from bench.zoo import CHECKPOINTS
from tests.end_to_end.command import bench, manifest, runs, snapshot

KEY = ("model", "task", "decoder", "calibrator", "score", "slice", "metric")


def suite(place: Path, *, language: bool) -> Path:
    """The cells of the quick suite whose models work on text, or those whose models work on arrays."""
    whole = yaml.safe_load((FOLDER / "quick.yaml").read_text())
    cells = [c for c in whole["cells"] if any(m.startswith("lm-") for m in c["models"]) == language]
    assert len(cells) > 3
    path = place / f"{'language' if language else 'arrays'}.yaml"
    path.write_text(yaml.safe_dump({"name": path.stem, "cells": cells}))
    return path


def numbers(rows: list[dict[str, Any]]) -> dict[tuple[str, ...], dict[str, Any]]:
    found = {tuple(row[k] for k in KEY): row for row in rows}
    assert len(found) == len(rows)
    return found


def agree(a: list[dict[str, Any]], b: list[dict[str, Any]], tolerance: float) -> None:
    """Every number of two runs is the same within the tolerance, and everything else exactly."""
    one, other = numbers(a), numbers(b)
    assert one.keys() == other.keys()
    far = []
    for key, row in one.items():
        for name, value in row.items():
            if isinstance(value, float) and isinstance(other[key][name], float):
                if abs(value - other[key][name]) > tolerance:
                    far.append((key, name, value, other[key][name]))
            elif value != other[key][name]:
                far.append((key, name, value, other[key][name]))
    assert far == []


def test_two_runs_with_one_seed_are_one(tmp_path: Path) -> None:
    words = ["eval", "-m", "mlp,epochs=2", "-t", "calibration/digits", "-t", "ood/digits-near", "--limit", "40",
             "--seed", "5", "--json"]  # fmt: skip
    first, second = bench(tmp_path, *words), bench(tmp_path, *words, environ={"OMP_NUM_THREADS": "2"})
    assert first.code == second.code == ExitCode.OK, first.err
    one, other = runs(tmp_path / "runs")
    assert snapshot(one) == snapshot(other)
    assert first.out == second.out
    assert (one / "results.json").read_bytes() == (other / "results.json").read_bytes()
    assert manifest(one)["seed"] == 5
    assert bench(tmp_path, *words[:-2], "6", "--json").out != first.out


@pytest.mark.slow
@pytest.mark.parametrize("language", [False, True])
def test_batches_change_nothing(tmp_path: Path, language: bool) -> None:
    if language and not (CHECKPOINTS / "lm-base" / "config.json").is_file():
        pytest.skip("the language models are not in this checkout")
    words: list[str | Path] = [
        "eval",
        "--suite",
        suite(tmp_path, language=language),
        "--limit",
        "6" if language else "30",
        "--json",
    ]
    by_one, by_many = (bench(tmp_path, *words, "--batch-size", size) for size in ("1", "64"))
    assert by_one.code == by_many.code == ExitCode.OK, by_one.err
    assert len(by_one.lines) > 50
    agree(by_one.lines, by_many.lines, 1e-6)


def test_batches_of_a_few_cells_change_nothing(tmp_path: Path) -> None:
    words = ["eval", "-m", "mlp,epochs=2", "-m", "categorical", "-t", "calibration/digits", "-t", "likelihood/digits",
             "--limit", "24", "--json"]  # fmt: skip
    by_one, by_many = (bench(tmp_path, *words, "--batch-size", size) for size in ("1", "64"))
    assert by_one.code == by_many.code == ExitCode.OK, by_one.err
    agree(by_one.lines, by_many.lines, 1e-6)
    stored = json.loads((runs(tmp_path / "runs")[0] / "results.json").read_text())["results"]
    agree(stored, by_one.lines, 0.0)
