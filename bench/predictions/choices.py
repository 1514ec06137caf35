"""Predictions of a choice: the log-likelihood of each continuation, and the right one."""

from __future__ import annotations

import numpy as np

from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Choices


def build(table: Table) -> dict[str, Choices]:
    """One `Choices`."""
    loglik = table.columns["loglik"]
    table.refuse_entries("loglik", ~(loglik.values <= 1e-6), "log-probabilities: numbers of at most 0")
    table.refuse("loglik", loglik.lengths < 2, "at least two numbers")
    table.refuse("loglik", ~np.isfinite(loglik.padded(-np.inf)).any(axis=1), "above -inf for at least one choice")
    labels = table.columns["label"]
    table.refuse("label", (labels < 0) | (labels >= loglik.lengths), "the position of a choice, counted from 0")
    for key in ("bytes", "tokens"):
        counts = table.get(key)
        if counts is not None:
            table.refuse(key, counts.lengths != loglik.lengths, "as long as 'loglik'")
            table.refuse_entries(key, counts.values < 1, "at least 1 each")
    record = Choices(
        **table.common(), labels=labels, loglik=loglik, bytes=table.get("bytes"), tokens=table.get("tokens")
    )
    return {table.name: record}


CONVENTION = Convention(
    kind="choices",
    about="log-likelihoods of the continuations of a prompt, of which one is right",
    fields=(
        Field(("label", "labels"), "position of the right choice, from 0", "int", required=True),
        Field(("loglik",), "log-likelihood of each choice, nats", form="list", required=True),
        Field(("bytes",), "UTF-8 length of each choice", "int", form="list"),
        Field(("tokens",), "tokens of each choice", "int", form="list"),
    ),
    forms=(),
    columns={
        "id": ["a", "b", "c"],
        "label": [0, 1, 2],
        "loglik": [[-1.5, -2.25], [-3.0, -0.5, -4.0], [-2.0, -2.5, -1.0]],
        "bytes": [[4, 6], [5, 5, 7], [3, 4, 4]],
    },
    arrays={
        "labels": [0, 1, 2],
        "loglik": [-1.5, -2.25, -3.0, -0.5, -4.0, -2.0, -2.5, -1.0],
        "loglik_offsets": [0, 2, 5, 8],
    },
    build=build,
)
