"""Models that leave a trace of who was asked, take their time, or bring their process down; loaded as a plugin."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from bench import Classification, Classified, Examples, model, task


@task("calibration/points", needs="classifier", yields=Classification, source="made here")
def points(seed: int, n: int = 64) -> Examples:
    """Numbers above 0, or not."""
    rng = np.random.default_rng(seed)

    def drawn(part: str, rows: int) -> Examples:
        x = rng.normal(size=(rows, 3))
        ids = np.array([f"{part}-{i}" for i in range(rows)])
        return Examples(ids=ids, inputs=x, targets=(x[:, 0] > 0).astype(int), classes=2)

    return Examples.join({"test": drawn("p", n), "train": drawn("t", 8)})


class Answering:
    """Knows the answer; takes `seconds` for a batch, and writes its process into the folder `where`."""

    def __init__(self, where: str, seconds: float) -> None:
        self.where = Path(where)
        self.seconds = seconds

    def fingerprint(self) -> dict[str, Any]:
        return {"kind": type(self).__name__}

    def classify(self, inputs: Any) -> Classified:
        with (self.where / "asked").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.seconds)
        inputs[0] += 0.0  # models may write into what they are given
        return Classified(np.stack([-inputs[:, 0], inputs[:, 0]], axis=1))


@model("answering", gives="classifier")
def answering(where: str = ".", seconds: float = 0.0) -> Answering:
    """Nothing happens to it."""
    return Answering(where, seconds)


class Anxious(Answering):
    """Warns."""

    def classify(self, inputs: Any) -> Classified:
        warnings.warn("mind the step", stacklevel=1)
        return super().classify(inputs)


@model("warning", gives="classifier")
def warning(where: str = ".") -> Answering:
    """Warns whenever it is asked."""
    return Anxious(where, 0.0)


class Deadly(Answering):
    """Ends its process over inputs above a limit, as a crash in native code does."""

    def __init__(self, where: str, above: float) -> None:
        super().__init__(where, 0.0)
        self.above = above

    def classify(self, inputs: Any) -> Classified:
        if (inputs[:, 0] > self.above).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().classify(inputs)


@model("deadly", gives="classifier")
def deadly(where: str = ".", above: float = 2.0) -> Deadly:
    """Some samples bring it down."""
    return Deadly(where, above)


class Stillborn(Answering):
    """Does not live to learn."""

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - it never learns
        os.kill(os.getpid(), signal.SIGKILL)


@model("stillborn", gives="classifier")
def stillborn(where: str = ".") -> Answering:
    """Ends its process while it learns."""
    return Stillborn(where, 0.0)
