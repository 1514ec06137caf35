"""Predictions of texts: the log-probability of each token."""

from __future__ import annotations

import numpy as np

from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Tokens


def build(table: Table) -> dict[str, Tokens]:
    """One `Tokens`."""
    logprobs = table.columns["logprobs"]
    table.refuse_entries("logprobs", ~(logprobs.values <= 1e-6), "log-probabilities: numbers of at most 0")
    table.refuse("logprobs", logprobs.lengths < 1, "at least one number")
    table.refuse("bytes", table.columns["bytes"] < 1, "at least 1")
    if table.get("words") is not None:
        table.refuse("words", table.columns["words"] < 1, "at least 1")
    if table.get("truth") is not None:
        table.refuse("truth", np.isnan(table.columns["truth"]), "a number")
    record = Tokens(
        **table.common(),
        logprobs=logprobs,
        bytes=table.columns["bytes"],
        words=table.get("words"),
        truth=table.get("truth"),
    )
    return {table.name: record}


CONVENTION = Convention(
    kind="tokens",
    about="log-probabilities of the tokens of given texts",
    fields=(
        Field(("logprobs", "token_logprobs"), "log-probability of each token, nats", form="list", required=True),
        Field(("bytes",), "UTF-8 length of the text", "int", required=True),
        Field(("words",), "whitespace-separated words of the text", "int"),
        Field(("truth",), "log-probability of the text under its true source, nats, where it is known"),
    ),
    forms=(),
    columns={
        "id": ["a", "b", "c"],
        "logprobs": [[-1.5, -0.25, -3.0], [-0.5, -2.0], [-4.0, -1.0, -0.75, -0.1]],
        "bytes": [12, 9, 17],
        "words": [2, 2, 3],
    },
    arrays={
        "logprobs": [-1.5, -0.25, -3.0, -0.5, -2.0, -4.0, -1.0, -0.75, -0.1],
        "logprobs_offsets": [0, 3, 5, 9],
        "bytes": [12, 9, 17],
    },
    build=build,
)
