"""UCI regression with the standard splits, from the folders in which these are published."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.records import Regression
from bench.seeds import generator

NAME = "uncertainty/uci"
# Of the training rows, for calibrators; the protocol has none, and models that are not calibrated lose nothing else.
HELD_OUT = 0.1


@task(
    NAME,
    needs="regressor",
    yields=Regression,
    source="Hernández-Lobato and Adams 2015, arXiv:1502.05336; Gal and Ghahramani 2016, arXiv:1506.02142 (the splits)",
    metrics=("forecast-nll", "rmse", "crps", "coverage-90", "width-90", "interval-score-90", "pit-ks"),
)
def uncertainty_uci(seed: int, path: str = "", split: int = 0, calibration: bool = False) -> Examples:
    """One data set of the benchmark, one of its 20 (or 5) splits.

    path: the folder of `data.txt`, `index_features.txt`, `index_target.txt` and `index_train_0.txt`,
    `index_test_0.txt` and so on.  Features are standardised by the training rows, as published; outcomes keep their
    unit.  calibration: whether a tenth of the training rows, drawn by the seed, is kept for calibrators.
    """
    folder = Path(path).expanduser()
    if not path or not (folder / "data.txt").is_file():
        raise UsageError(
            f"{NAME} needs the folder of a data set",
            cause=f"there is no '{folder / 'data.txt'}'" if path else "it was told none",
            fix=f"{NAME},path=UCI_Datasets/bostonHousing/data,split=0",
        )
    data = _numbers(folder / "data.txt", 2)
    columns, [target] = (
        _places(folder / "index_features.txt", data.shape[1]),
        _places(folder / "index_target.txt", data.shape[1]),
    )
    train, test = (_places(folder / f"index_{part}_{split}.txt", len(data)) for part in ("train", "test"))
    if np.intersect1d(train, test).size:
        raise UsageError(f"split {split} of '{folder}' is none", cause="rows are in both parts", fix="mend the files")
    centre, spread = data[train].mean(axis=0), data[train].std(axis=0)
    inputs = (data[:, columns] - centre[columns]) / np.where(spread[columns] > 0, spread[columns], 1.0)
    parts = np.full(len(data), "", dtype="<U11")
    parts[train], parts[test] = "train", "test"
    if calibration:
        kept = generator(seed, NAME, split).permutation(len(train))[: max(1, round(HELD_OUT * len(train)))]
        parts[train[kept]] = "calibration"
    rows = np.flatnonzero(parts != "")
    ids = np.char.add("row-", rows.astype(np.str_))
    return Examples(ids=ids, inputs=inputs[rows], targets=data[rows, target], splits=parts[rows])


def _numbers(path: Path, dims: Literal[1, 2]) -> Float64s:
    try:
        return np.loadtxt(path, ndmin=dims)
    except (OSError, ValueError) as error:
        raise UsageError(f"'{path}' can't be read", cause=str(error), fix="give the published file") from error


def _places(path: Path, most: int) -> Ints:
    """Places in a table of `most` rows or columns, as the files count them: from 0."""
    found = _numbers(path, 1)
    places = found.astype(np.int64)
    if not len(found) or (places != found).any() or places.min() < 0 or places.max() >= most:
        raise UsageError(
            f"'{path}' holds no places of the table", cause=f"they are 0 to {most - 1}", fix="give the published file"
        )
    return places
