"""Predictions of a real number: a distribution in one of six forms, and the value that came true."""

from __future__ import annotations

import json

import numpy as np

from bench.arrays import AnyArray
from bench.errors import RecordError
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Regression

# Printed weights are rounded; with more than this lost, they are something else.
SUM_TOLERANCE = 1e-3
# Columns of the record that are named as in the file.
OWN = ["y", *(key for form in Regression.forms.values() for key in form)]
OWN += ["member_means", "member_stds", "member_quantiles"]


def build(table: Table) -> dict[str, Regression]:
    """One `Regression` in the form that the file has."""
    for key in ("y", "mean", "location", "mixture_means", "quantiles", "samples", "member_means", "member_quantiles"):
        if table.get(key) is not None:
            table.refuse(key, ~np.isfinite(table.columns[key]), "finite")
    for key in ("std", "scale", "df", "mixture_stds", "member_stds"):
        if table.get(key) is not None:
            table.refuse(key, ~(np.isfinite(table.columns[key]) & (table.columns[key] > 0)), "finite and above 0")
    quantiles = table.get("quantiles") is not None
    record = Regression(
        **table.common(),
        **{name: table.get(name) for name in OWN if name != "mixture_weights"},
        mixture_weights=_sums_to_one(table),
        levels=_levels(table) if quantiles else (),
        level=_interval(table) if table.get("lower") is not None else 0.0,
    )
    return {table.name: record}


def _sums_to_one(table: Table) -> AnyArray | None:
    weights: AnyArray | None = table.get("mixture_weights")
    if weights is None:
        return None
    table.refuse("mixture_weights", ~(weights >= 0), "at least 0")
    off = np.abs(weights.sum(axis=1) - 1) > SUM_TOLERANCE
    table.refuse("mixture_weights", off, f"weights that sum to 1 (within {SUM_TOLERANCE:g})")
    return weights / weights.sum(axis=1, keepdims=True)


def _interval(table: Table) -> float:
    """The promised share, once the ends are checked."""
    lower, upper = table.columns["lower"], table.columns["upper"]
    table.refuse("lower", np.isnan(lower) | (lower == np.inf), "a number below infinity")
    table.refuse("upper", ~(upper >= lower) | (upper == -np.inf), "at least 'lower'")
    level = float(table.constant("level", 0.0))
    if not 0 < level < 1:
        raise RecordError(
            f"{table.file}: 'level' is {level:g}" if level else f"{table.file}: 'level' is missing",
            cause="an interval promises a share of outcomes: above 0 and below 1",
            fix="bench show record regression",
        )
    return level


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


CONVENTION = Convention(
    kind="regression",
    about="a predictive distribution of a real number, and the value that came true",
    fields=(
        Field(("y",), "the value that came true", required=True),
        Field(("mean",), "mean of a Gaussian forecast"),
        Field(("std",), "its standard deviation, above 0"),
        Field(("location",), "centre of a Student-t forecast"),
        Field(("scale",), "its scale, above 0; for df > 2 the deviation is scale * sqrt(df / (df - 2))"),
        Field(("df",), "its degrees of freedom, above 0"),
        Field(("mixture_means",), "means of a mixture of Gaussians", form="vector", prefix="mixture_mean_"),
        Field(("mixture_stds",), "their standard deviations, above 0", form="vector", prefix="mixture_std_"),
        Field(
            ("mixture_weights",),
            f"their weights, which sum to 1 within {SUM_TOLERANCE:g}",
            form="vector",
            prefix="mixture_weight_",
        ),
        Field(("quantiles",), "forecast quantiles, one column a level", form="levels", prefix="q_"),
        Field(("samples",), "draws from the forecast", form="vector", prefix="sample_"),
        Field(("levels",), "levels of 'quantiles', where that is one list column or array", form="vector"),
        Field(("lower",), "lower end of an interval forecast; may be -inf"),
        Field(("upper",), "its upper end; may be inf"),
        Field(("level",), "share of outcomes that the intervals promise to hold: one value for all", form="constant"),
        Field(("member_means",), "mean of each ensemble member", form="vector", prefix="member_mean_"),
        Field(("member_stds",), "standard deviation of each member", form="vector", prefix="member_std_"),
        Field(("member_quantiles",), "quantiles of each member at 'levels', (n, M, Q); npz only", form="tensor"),
    ),
    forms=tuple(Regression.forms.values()),
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
