"""Predictions of a real number: a Gaussian, quantiles or samples, and the value that came true."""

from __future__ import annotations

import json

import numpy as np

from bench.arrays import AnyArray
from bench.errors import RecordError
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Regression


def build(table: Table) -> dict[str, Regression]:
    """One `Regression` in the form that the file has."""
    for key in ("y", "mean", "quantiles", "samples", "member_means"):
        if table.get(key) is not None:
            table.refuse(key, ~np.isfinite(table.columns[key]), "finite")
    for key in ("std", "member_stds"):
        if table.get(key) is not None:
            table.refuse(key, ~(np.isfinite(table.columns[key]) & (table.columns[key] > 0)), "finite and above 0")
    levels: tuple[float, ...] = ()
    if table.get("quantiles") is not None:
        levels = _levels(table)
        _refuse_crossing(table)
    record = Regression(
        **table.common(),
        y=table.columns["y"],
        mean=table.get("mean"),
        std=table.get("std"),
        quantiles=table.get("quantiles"),
        samples=table.get("samples"),
        member_means=table.get("member_means"),
        member_stds=table.get("member_stds"),
        levels=levels,
    )
    return {table.name: record}


def _levels(table: Table) -> tuple[float, ...]:
    """From the names of the columns, or for one list column from `levels`."""
    way = table.found["quantiles"]
    if way.numbered:
        return tuple(float(name.removeprefix(way.field.prefix)) for name in way.columns)
    width = table.columns["quantiles"].shape[1]
    stated = table.get("levels")
    if stated is not None:
        table.refuse("levels", (stated != stated[0]).any(axis=1), "the same in every row")
        levels: AnyArray = stated[0]
    else:
        known = table.constants.get("levels", "[]")
        levels = np.asarray(json.loads(known) if isinstance(known, str) else known, dtype=np.float64)
    rising = levels.ndim == 1 and bool((np.diff(levels) > 0).all()) and bool(((levels > 0) & (levels < 1)).all())
    if len(levels) != width or not rising:
        raise RecordError(
            f"{table.file}: 'levels' doesn't fit the {width} columns of 'quantiles'",
            cause="each needs its level, rising, between 0 and 1" if len(levels) else "'levels' is missing",
            fix="bench show record regression",
        )
    return tuple(float(level) for level in levels)


def _refuse_crossing(table: Table) -> None:
    quantiles: AnyArray = table.columns["quantiles"]
    falls = np.zeros(quantiles.shape, dtype=bool)
    falls[:, 1:] = np.diff(quantiles, axis=1) < 0
    table.refuse("quantiles", falls, "at least the quantile of the level below it")


CONVENTION = Convention(
    kind="regression",
    about="a predictive distribution of a real number, and the value that came true",
    fields=(
        Field(("y",), "the value that came true", required=True),
        Field(("mean",), "mean of a Gaussian forecast"),
        Field(("std",), "its standard deviation, above 0"),
        Field(("quantiles",), "forecast quantiles, one column a level", form="levels", prefix="q_"),
        Field(("samples",), "draws from the forecast", form="vector", prefix="sample_"),
        Field(("levels",), "levels of 'quantiles', where that is one list column or array", form="vector"),
        Field(("member_means",), "mean of each ensemble member", form="vector", prefix="member_mean_"),
        Field(("member_stds",), "standard deviation of each member", form="vector", prefix="member_std_"),
    ),
    forms=(("mean", "std"), ("quantiles",), ("samples",)),
    columns={
        "id": ["a", "b", "c"],
        "y": [1.0, 2.5, -0.3],
        "q_0.05": [0.2, 1.1, -2.0],
        "q_0.5": [1.1, 2.0, -0.5],
        "q_0.95": [1.9, 3.2, 0.8],
    },
    arrays={"y": [1.0, 2.5, -0.3], "mean": [1.1, 2.0, -0.5], "std": [0.5, 0.6, 0.8]},
    build=build,
)
