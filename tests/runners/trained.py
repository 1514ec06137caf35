"""A model whose training draws, and models from files of one seed each; loaded as a plugin."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from bench import Classified, Examples, model


@model("toy-drawn", gives="classifier")
class Drawn:
    """Nearest class mean, the means off by what the seed draws; can be told to fail at a training."""

    def __init__(self, spread: float = 0.6) -> None:
        self.spread = spread

    def fit(self, train: Examples, seed: int) -> None:
        inputs, labels = np.asarray(train.inputs), np.asarray(train.targets)
        means = np.stack([inputs[labels == c].mean(axis=0) for c in range(3)])
        self.means = means + np.random.default_rng(seed).normal(scale=self.spread, size=means.shape)
        if os.environ.get("TOY_FAILS_AT") == str(seed):
            raise RuntimeError("the training diverged")

    def classify(self, inputs: Any) -> Classified:
        return Classified(logits=-((np.asarray(inputs)[:, None] - self.means) ** 2).sum(-1))


@model("toy-file", gives="classifier")
class OfFile:
    """As from a checkpoint: its target's last letter says which."""

    def __init__(self, target: str) -> None:
        self.shift = int(target[-1])

    def classify(self, inputs: Any) -> Classified:
        total = np.asarray(inputs).sum(axis=1, keepdims=True) + 0.3 * self.shift
        return Classified(logits=-((total - 4 * np.arange(3)) ** 2) / 8)
