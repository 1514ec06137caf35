"""Regression on scikit-learn's diabetes data."""

from __future__ import annotations

from functools import cache

import numpy as np

from bench.arrays import Float64s, Strings
from bench.components import task
from bench.examples import Examples
from bench.records import Regression
from bench.seeds import generator

SPLITS = {"train": 222, "calibration": 60, "test": 160}


@task(
    "uncertainty/diabetes",
    needs="regressor",
    yields=Regression,
    source="Efron et al. 2004, Least Angle Regression; scikit-learn's diabetes",
)
def uncertainty_diabetes(seed: int) -> Examples:  # noqa: ARG001 - the split is fixed
    """Disease progression after a year (25 to 346) from ten measurements of 442 patients.

    The split, 222 / 60 / 160, is fixed.
    """
    inputs, targets, splits = _loaded()
    ids = np.array([f"patient-{i:03d}" for i in range(len(targets))])
    return Examples(ids=ids, inputs=inputs, targets=targets, splits=splits)


@cache
def _loaded() -> tuple[Float64s, Float64s, Strings]:
    from sklearn.datasets import load_diabetes

    data = load_diabetes()
    order = generator(0, "diabetes", "split").permutation(len(data.target))
    splits = np.empty(len(order), dtype="<U11")
    splits[order] = np.repeat(list(SPLITS), list(SPLITS.values()))
    return data.data, data.target, splits
