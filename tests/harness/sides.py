"""The same tasks asked by bench and by the harness itself, and what each answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench.components import Task
from bench.config import RunConfig
from bench.registry import find_task
from bench.results import Result
from bench.runners.execute import evaluate
from bench.runners.folder import RunFolder
from bench.runners.plan import plan
from bench.runners.progress import Silent
from bench.specs import parse
from tests.harness.conftest import TASKS


@dataclass(frozen=True)
class Theirs:
    """What `simple_evaluate` returned."""

    results: dict[str, dict[str, Any]]
    samples: dict[str, list[dict[str, Any]]]

    def numbers(self, task: str) -> dict[str, float]:
        """Its metrics by "metric,filter"."""
        return {key: float(v) for key, v in self.results[task].items() if "," in key and "_stderr" not in key}


@cache
def harness_model(checkpoint: Path) -> Any:
    """The harness's own `hf` model in float32."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(checkpoint), dtype="float32", device="cpu", batch_size=1)


def theirs(model: Any, tasks: Sequence[str], **options: Any) -> Theirs:
    """The harness on the tests' tasks, without its look at the machine and the hub, which takes half a minute."""
    from lm_eval import evaluator
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False, include_path=str(TASKS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluator, "add_env_info", lambda _: None)
        if hasattr(model, "get_model_info"):
            patch.setattr(type(model), "get_model_info", lambda _: {})
        found: Any = evaluator.simple_evaluate(
            model=model, tasks=list(tasks), task_manager=manager, bootstrap_iters=0, device="cpu", **options
        )
    return Theirs({**found["results"], **found.get("groups", {})}, found["samples"])


def ours(checkpoint: Path, tasks: Sequence[str], out: Path, **settings: Any) -> RunFolder:
    """The same by `bench eval`, finished."""
    config = RunConfig(
        models=(f"hf:{checkpoint},dtype=float32",),
        tasks=tuple(f"lm-eval:{task}" for task in tasks),
        out=out,
        device="cpu",
        **settings,
    )
    return evaluate(config, plan(config), Silent())


def numbers(folder: RunFolder, task: str) -> dict[str, Result]:
    """The task's own metrics, by "metric,filter"."""
    name = str(parse(f"lm-eval:{task}"))
    found = [r for r in folder.results() if r.task == name and r.metric.startswith("lm-eval:")]
    named = {r.metric.removeprefix("lm-eval:"): r for r in found}
    return {key if "," in key else f"{key},none": r for key, r in named.items()}


def record(folder: RunFolder, task: str) -> Any:
    """The record of a task."""
    entry = next(entry for entry in folder.cells if entry.task == str(parse(f"lm-eval:{task}")))
    return folder.record(entry.name)


def task(text: str) -> Task:
    """The task of `lm-eval:TEXT`."""
    return find_task(parse(f"lm-eval:{text}"))
