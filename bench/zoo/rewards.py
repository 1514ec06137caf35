"""Train the process-reward model: ``python -m bench.zoo.rewards --out DIR``.

`lm-tuned` answers questions of the training split several times, and each beginning of a text that ends with a step is
right where the one worked solution begins with it.  A logistic regression on the states in which the same model reads
it learns to tell.  One thread and fixed seeds, as `bench.zoo.train`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from bench.arrays import Bools
from bench.capabilities import Machine
from bench.language import Details, Draw
from bench.models.building import named_model
from bench.procedural import items
from bench.procedural.items import Split
from bench.seeds import derive
from bench.verifiers.process import READER, features
from bench.zoo import CHECKPOINTS

NAME = "process-reward"
QUESTIONS = (("arithmetic", 480), ("logic", 160))
SAMPLES = 4
# Weight decay by five-fold cross-validation among these: log-loss over held-out questions.
STRENGTHS = (0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True, eq=False)
class Steps:
    """Beginnings of texts (n): the prompt and text of each, whether all of it is right (n,), and its question (n,)."""

    asked: list[tuple[str, str]]
    right: Bools
    question: Any


def labelled(kind: str, questions: int, samples: int, seed: int, split: Split, model: Any) -> Steps:
    """The model's own steps on questions of a split, each with what the worked solution says of it."""
    drawn = items(kind, questions, seed, split)
    draws = [
        Draw(item.prompt, derive(seed, NAME, item.id, k), 1.0, max_tokens=72) for item in drawn for k in range(samples)
    ]
    asked, right, question = [], [], []
    for text, item in zip(model.generate(draws), [item for item in drawn for _ in range(samples)], strict=True):
        for part in beginnings(text.text):
            asked.append((item.prompt, part))
            right.append(item.solution.startswith(part))
            question.append(item.id)
    return Steps(asked, np.array(right), np.array(question))


def beginnings(text: str) -> list[str]:
    """The text up to the end of each of its steps."""
    return [text[: k + 1] for k, letter in enumerate(text) if letter == "."]


def train(out: Path) -> Path:
    """Train and write to ``out / NAME``; returns the file."""
    from safetensors.numpy import save_file
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import GroupKFold

    model: Any = named_model(READER, Machine())
    parts = [labelled(kind, count, SAMPLES, 5, "train", model) for kind, count in QUESTIONS]
    found = features(model.score([pair for part in parts for pair in part.asked], Details(hidden=True)))
    right = np.concatenate([part.right for part in parts])
    groups = np.concatenate([part.question for part in parts])
    mean, scale = found.mean(axis=0), found.std(axis=0) + 1e-6
    inputs = (found - mean) / scale
    folds = list(GroupKFold(5).split(inputs, right, groups))
    fitted = LogisticRegressionCV(
        Cs=list(STRENGTHS), cv=folds, scoring="neg_log_loss", max_iter=2000, l1_ratios=(0,), use_legacy_attributes=True
    ).fit(inputs, right)
    sys.stderr.write(f"{len(right)} steps, {right.mean():.3f} right, C = {fitted.C_[0]}\n")
    path = out / NAME / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"mean": mean, "scale": scale, "weights": fitted.coef_[0].copy(), "bias": fitted.intercept_}, path)
    path.chmod(0o644)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and print the digest of the weights."""
    parser = argparse.ArgumentParser(prog="python -m bench.zoo.rewards", description=f"Train {NAME}.")
    parser.add_argument("--out", type=Path, default=CHECKPOINTS, help="folder for the weights")
    path = train(parser.parse_args(arguments).out)
    sys.stdout.write(f"{sha256(path.read_bytes()).hexdigest()}  {NAME}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
