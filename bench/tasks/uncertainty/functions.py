"""Small data sets of functions from a known prior, and one further value of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.components import task
from bench.errors import UsageError
from bench.examples import Examples
from bench.records import Record, Regression
from bench.references import functions
from bench.seeds import generator
from bench.tasks.asking import Asked

NAME = "uncertainty/functions"
SIZES = {"train": 2000, "test": 1000}
LARGEST = 64


@task(
    NAME,
    needs="regressor",
    yields=Regression,
    source="closed form: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning",
    check="uncertainty/prior-fitted",
)
def uncertainty_functions(seed: int, context: int = 8) -> Examples:
    """1,000 noisy functions of a Gaussian process, each with a value to forecast; the exact forecast is known.

    context: how many values of its function a sample holds (0 to 64).  A row is their places in [0, 1], the values, and
    the place that is asked about; other rows of the kind train models that learn to forecast so.
    """
    if not 0 <= context <= LARGEST:
        raise UsageError(f"context is {context}", cause="it is a number of values", fix=f"give 0 to {LARGEST}")
    parts = {}
    for split, n in SIZES.items():
        x, y = functions.functions(n, context + 1, generator(seed, NAME, context, split))
        rows = functions.laid(x[:, :-1], y[:, :-1], x[:, -1])
        ids = np.array([f"function-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=rows, targets=y[:, -1], asker=Asked(ask))
    return Examples.join(parts)


def ask(model: Any, _: Any, batch: Examples, __: int, common: dict[str, Any]) -> Record:
    """The record of a batch: the model's forecast, and the exact one beside it."""
    rows = np.asarray(batch.inputs)
    mean, std = functions.exact(*functions.parted(rows))
    return Regression(
        **common, y=np.asarray(batch.targets), **vars(model.forecast(rows)), exact_mean=mean, exact_std=std
    )
