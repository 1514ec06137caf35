"""Writes the predictions beside it, from sources whose truth is known: python examples/make_predictions.py [FOLDER].

classification.csv: three classes, logits twice as large as they should be (temperature 2 mends them).
ood.csv: scores N(0, 1) in distribution and N(1.5, 1) out of it, so the AUROC is Phi(1.5 / sqrt 2) = .856.
regression.csv: Gaussian forecasts whose spread is four fifths of what it should be.
sets.csv: the true probabilities of four classes, half of the rows to calibrate on: conformal sets hold 90 %.

    bench eval --predictions examples/classification.csv --as classification
    bench eval --predictions examples/ood.csv --as ood
    bench eval --predictions examples/regression.csv --as regression
    bench eval --predictions examples/sets.csv --as classification --calibrator conformal-aps
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROWS = 400


def classification(rng: np.random.Generator) -> tuple[list[str], Iterable[Sequence[Any]]]:
    """Labels drawn from softmax(z), logits 2 z."""
    z = 1.5 * rng.normal(size=(ROWS, 3))
    labels = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    splits = np.where(np.arange(ROWS) % 2, "test", "calibration")
    head = ["id", "label", "logit_0", "logit_1", "logit_2", "split"]
    return head, zip(range(ROWS), labels, *np.round(2 * z, 4).T, splits, strict=True)


def ood(rng: np.random.Generator) -> tuple[list[str], Iterable[Sequence[Any]]]:
    """A third of the rows out of distribution."""
    out = np.arange(ROWS) % 3 == 0
    scores = rng.normal(size=ROWS) + 1.5 * out
    return ["id", "score", "ood"], zip(range(ROWS), np.round(scores, 4), out, strict=True)


def regression(rng: np.random.Generator) -> tuple[list[str], Iterable[Sequence[Any]]]:
    """Y = mean + 1.25 std N(0, 1)."""
    mean, std = rng.normal(size=ROWS), np.exp(0.3 * rng.normal(size=ROWS))
    y = mean + 1.25 * std * rng.normal(size=ROWS)
    return ["id", "y", "mean", "std"], zip(range(ROWS), *(np.round(x, 4) for x in (y, mean, std)), strict=True)


def sets(rng: np.random.Generator) -> tuple[list[str], Iterable[Sequence[Any]]]:
    """Labels drawn from the probabilities that are given."""
    p = np.round(rng.dirichlet(np.ones(4), ROWS), 4)
    p[:, 3] = 1 - p[:, :3].sum(axis=1)
    labels = (rng.random(ROWS)[:, None] > np.cumsum(p, axis=1)[:, :3]).sum(axis=1)
    splits = np.where(np.arange(ROWS) % 2, "test", "calibration")
    head = ["id", "label", "prob_0", "prob_1", "prob_2", "prob_3", "split"]
    return head, zip(range(ROWS), labels, *np.round(p, 4).T, splits, strict=True)


def main(folder: Path) -> None:
    """Write the four files."""
    for seed, make in enumerate((classification, ood, regression, sets)):
        head, rows = make(np.random.default_rng(seed))
        with (folder / f"{make.__name__}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(head)
            writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
