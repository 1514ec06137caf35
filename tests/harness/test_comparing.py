"""`bench compare` pairs the harness's own means, sample by sample, as anything else."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bench.cli import main
from bench.config import RunConfig
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.plan import plan
from bench.runners.progress import Silent
from tests.harness import sides
from tests.harness.conftest import CHECKPOINT

pytestmark = pytest.mark.xdist_group("harness")

TASKS = ("people_words", "people_several", "sums_bleu,limit=3")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunFolder]:
    """The same tasks of two checkpoints."""
    made = []
    for name in ("lm-base", "lm-small"):
        settings = RunConfig(
            models=(f"hf:{CHECKPOINT.with_name(name)}",), tasks=tuple(f"lm-eval:{t}" for t in TASKS), device="cpu",
            out=tmp_path_factory.mktemp(name),
        )  # fmt: skip
        made.append(evaluate(settings, plan(settings), Silent()))
    return made


def rows(capsys: Any, *runs: RunFolder) -> dict[tuple[str, str], Any]:
    capsys.readouterr()
    assert main(["compare", *(str(run.path) for run in runs), "--metric", "lm-eval:*", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    return {(row["task"].removeprefix("lm-eval:"), row["metric"]): row for row in json.loads(line)["rows"]}


def told(run: RunFolder, task: str, metric: str) -> Any:
    """What the harness makes of each document, in the order of their ids."""
    record = sides.record(run, task)
    values = np.array([json.loads(text)[metric] for text in record.task_values], dtype=np.float64)
    return values[np.argsort(record.ids)]


@pytest.mark.parametrize(
    ("task", "metric"), [("people_words", "acc"), ("people_words", "acc_norm"), ("people_several", "acc")]
)
def test_means_are_paired_by_document(capsys: Any, runs: list[RunFolder], task: str, metric: str) -> None:
    """The gain is the mean of the documents' differences; shares are counted both ways."""
    row = rows(capsys, *runs)[task, f"lm-eval:{metric}"]
    first, second = (told(run, task, f"{metric},none") for run in runs)
    assert (first != second).any()
    assert row["gain"] == pytest.approx((second - first).mean(), abs=1e-12)
    assert row["low"] < row["gain"] < row["high"]
    assert (row["gains"], row["losses"]) == (int((second > first).sum()), int((second < first).sum()))


def test_what_is_no_mean_is_left_out_and_stops_nothing(capsys: Any, runs: list[RunFolder]) -> None:
    """BLEU is of the whole set: its items are pairs of texts, and no document has a number of its own."""
    found = rows(capsys, *runs)
    assert {task for task, _ in found if task} == {"people_words", "people_several"}  # and one of them overall
    assert any(result.metric == "lm-eval:bleu" for result in runs[0].results())
