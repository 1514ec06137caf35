"""Predictions of classes: logits or probabilities, and the class that came true."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray
from bench.errors import RecordError
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Classification

# Printed probabilities are rounded; with more than this lost, they are something else.
SUM_TOLERANCE = 1e-3


def build(table: Table) -> dict[str, Classification]:
    """One `Classification`; probabilities become logits by their logarithm (0 becomes -inf)."""
    logits = _from_probs(table) if table.get("probs") is not None else _checked_logits(table)
    classes = logits.shape[1]
    if classes < 2:
        raise RecordError(
            f"{table.file} has one class",
            cause="a distribution needs two or more, each with its column",
            fix="bench show record classification",
        )
    labels = table.columns["label"]
    ood = table.get("ood")
    foreign = (labels == -1) & ood if ood is not None else np.zeros(len(table), dtype=bool)
    outside = (labels < 0) | (labels >= classes)
    table.refuse("label", outside & ~foreign, f"in 0 .. {classes - 1} (a row with ood = true may have -1)")
    for key in ("features", "members"):
        if table.get(key) is not None:
            table.refuse(key, np.isnan(table.columns[key]).reshape(len(table), -1), "numbers")
    record = Classification(
        **table.common(),
        labels=labels,
        logits=logits,
        features=table.get("features"),
        members=table.get("members"),
        truth=_sums_to_one(table, "truth") if table.get("truth") is not None else None,
        sets=table.get("sets"),
        level=float(table.constant("level", 0.0)),
    )
    return {table.name: record}


def _checked_logits(table: Table) -> AnyArray:
    logits: AnyArray = table.columns["logits"]
    table.refuse("logits", np.isnan(logits) | (logits == np.inf), "a number below infinity")
    table.refuse("logits", (logits == -np.inf).all(axis=1), "above -inf for at least one class")
    return logits


def _from_probs(table: Table) -> AnyArray:
    with np.errstate(divide="ignore"):
        return np.log(_sums_to_one(table, "probs"))


def _sums_to_one(table: Table, key: str) -> AnyArray:
    """Probabilities, checked; (n, C)."""
    probs: AnyArray = table.columns[key]
    inside = (probs >= 0) & (probs <= 1 + SUM_TOLERANCE)
    table.refuse(key, ~inside, "a probability: a number from 0 to 1")
    off = np.abs(probs.sum(axis=1) - 1) > SUM_TOLERANCE
    table.refuse(key, off, f"probabilities that sum to 1 (within {SUM_TOLERANCE:g})")
    return probs / probs.sum(axis=1, keepdims=True) if key == "truth" else probs


_PROBS = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]]
CONVENTION = Convention(
    kind="classification",
    about="a distribution over classes for each sample, and the class that came true",
    fields=(
        Field(("label", "labels"), "the class that came true, 0 .. C-1", "int", required=True),
        Field(("logits",), "unnormalised log-probabilities of the classes", form="vector", prefix="logit_"),
        Field(
            ("probs",),
            f"probabilities of the classes, which sum to 1 within {SUM_TOLERANCE:g}",
            form="vector",
            prefix="prob_",
        ),
        Field(("features",), "penultimate features", "float32", form="vector", prefix="feature_"),
        Field(("members",), "log-probabilities of each ensemble member, (n, M, C); npz only", form="tensor"),
        Field(("truth",), "the true p(y|x), where it is known", form="vector", prefix="truth_"),
        Field(("sets",), "true where a prediction set holds the class", "bool", form="vector", prefix="set_"),
        Field(("level",), "share of samples whose class the sets promise to hold; absent: not stated", form="constant"),
    ),
    forms=(("logits",), ("probs",)),
    columns={
        "id": ["a", "b", "c"],
        "label": [0, 1, 0],
        "prob_0": [row[0] for row in _PROBS],
        "prob_1": [row[1] for row in _PROBS],
        "prob_2": [row[2] for row in _PROBS],
    },
    arrays={"labels": [0, 1, 0], "probs": _PROBS, "features": [[0.1, 1.2], [0.4, -0.3], [2.0, 0.7]]},
    build=build,
)
