"""What the command's tests share: a quiet place to run in, components of one's own, and a light report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.components import KINDS, REGISTERED
from bench.registry import components

PLUGIN = '''
"""A model and a task small enough to know all about."""
import os

import numpy as np

from bench import Classification, Classified, Examples, Truth, check, model, task


@model("tiny", gives="classifier")
def tiny(mood="well"):
    """A classifier that knows the answer.  It may fail."""
    return Tiny(mood)


class Tiny:
    def __init__(self, mood):
        self.mood = mood

    def classify(self, inputs):
        if self.mood == "ill" or (self.mood == "shy" and inputs.max() > 40):
            raise ValueError("I am \\x1b[31mill\\x1b[0m")
        if self.mood == "halted" and inputs.max() > 40 and os.environ.get("HALT"):
            raise KeyboardInterrupt
        return Classified(np.stack([-inputs, inputs], axis=1) * 0.01)

    def fingerprint(self):
        return {"mood": self.mood}


@task("calibration/signs", needs="classifier", yields=Classification, source="", metrics=["accuracy"])
def signs(seed, n=64):
    """Whether a number is above 0."""
    x = np.arange(n) - 3.0
    return Examples(ids=np.arange(n).astype(str), inputs=x, targets=(x > 0).astype(int), classes=2)


@check("adds", area="likelihood", source="arithmetic", papers=["On Adding"])
def adds():
    """One and one is two."""
    return Truth(2.0, 1.0 + 1.0, 1e-12)


@check("errs", area="reasoning", source="arithmetic")
def errs():
    """One of two is wrong."""
    return [Truth(2.0, 2.0, 1e-12, "right"), Truth(2.0, float("nan"), 1e-12, "wrong")]


@check("crashes", area="ood", source="arithmetic")
def crashes():
    """Fails before it says anything."""
    raise RuntimeError("out of luck")


@check("silent", area="uncertainty", source="arithmetic")
def silent():
    """Checks nothing."""
    return []
'''


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No settings of the developer's, and no component of a test in the next one."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    for variable in ("BENCH_DEBUG", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    # Everything is discovered first: a module whose components were taken away again would never register them anew.
    for kind in KINDS:
        components(kind)
    before = {kind: dict(known) for kind, known in REGISTERED.items()}
    yield
    for kind, known in before.items():
        REGISTERED[kind].clear()
        REGISTERED[kind].update(known)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A file with the model `tiny`, the task `calibration/signs` and four checks."""
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def light_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are tested where they are made; here it matters that they are asked for."""

    def build(folder: Any) -> None:
        (folder.path / "report.html").write_text("")
        (folder.path / "report.md").write_text("")

    def results_table(results: Any, console: Any) -> None:
        for result in results:
            console.print(f"{result.model} {result.task} {result.metric} {result.value}", markup=False)

    for name, function in (("build", build), ("terminal", results_table)):
        module = ModuleType(f"bench.reports.{name}")
        setattr(module, function.__name__, function)
        monkeypatch.setitem(sys.modules, module.__name__, module)
