"""Small components for the runner's tests; loaded as a plugin, so that they never show in a user's lists."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bench import Classification, Classified, Examples, model, task

N = 50


def _points(seed: int, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return rng.normal(size=(n, 4)) + labels[:, None], labels


@task("calibration/toy", needs="classifier", yields=Classification, source="made here", calibrators=("temperature",))
def toy(seed: int, n: int = N) -> Examples:
    """Three shifted Gaussians."""
    inputs, labels = _points(seed, 3 * n)
    splits = np.repeat(["train", "calibration", "test"], n)
    ids = np.array([f"toy-{i}" for i in range(3 * n)])
    return Examples(ids=ids, inputs=inputs, targets=labels, splits=splits, classes=3)


@task("calibration/toy-uncalibrated", needs="classifier", yields=Classification, source="made here")
def toy_uncalibrated(seed: int) -> Examples:
    """The same data, with a calibration split that nothing asks for."""
    return toy(seed)


@task("calibration/toy-other", needs="classifier", yields=Classification, source="made here", version=2)
def toy_other(seed: int) -> Examples:
    """The same without a calibration split."""
    inputs, labels = _points(seed + 1, N)
    return Examples(ids=np.array([f"o-{i}" for i in range(N)]), inputs=inputs, targets=labels, classes=3)


@model("toy-fixed", gives="classifier")
class Fixed:
    """Logits that are the sums of the inputs; can be told to fail, to stop the process, and to be another model."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self.asked = 0

    def fingerprint(self) -> dict[str, Any]:
        return {"scale": self.scale, "weights": os.environ.get("TOY_WEIGHTS", "first")}

    def classify(self, inputs: Any) -> Classified:
        inputs = np.asarray(inputs)
        if os.environ.get("TOY_FAILS") == "all":
            raise RuntimeError("the toy is broken")
        if os.environ.get("TOY_FAILS") == "some" and (np.abs(inputs[:, 0]) > 2.2).any():
            raise ValueError("too large for the toy")
        self.asked += 1
        if self.asked > int(os.environ.get("TOY_STOPS_AFTER", "1000000")):
            raise KeyboardInterrupt
        total = inputs.sum(axis=1, keepdims=True)
        return Classified(logits=-self.scale * (total - 4 * np.arange(3)) ** 2 / 8)


@model("toy-mean", gives="classifier")
class Mean:
    """Nearest class mean: a model that learns."""

    fits = 0

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - it draws nothing
        type(self).fits += 1
        inputs, labels = np.asarray(train.inputs), np.asarray(train.targets)
        self.means = np.stack([inputs[labels == c].mean(axis=0) for c in range(3)])

    def classify(self, inputs: Any) -> Classified:
        return Classified(logits=-((np.asarray(inputs)[:, None] - self.means) ** 2).sum(-1))


@model("toy-nan", gives="classifier")
class NotANumber:
    """Answers NaN to every seventh sample."""

    def classify(self, inputs: Any) -> Classified:
        inputs = np.asarray(inputs)
        logits = np.repeat(inputs.sum(axis=1, keepdims=True), 3, axis=1) * np.arange(3.0)
        logits[np.round(inputs[:, 1] * 1000).astype(int) % 7 == 0] = np.nan
        return Classified(logits=logits)


@model("toy-regressor", gives="regressor")
class NoClassifier:
    """No classifier at all."""

    def forecast(self, inputs: Any) -> Any:
        raise NotImplementedError
