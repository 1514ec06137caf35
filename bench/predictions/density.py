"""Predictions of a density model: the log-density or log-mass of each sample."""

from __future__ import annotations

import numpy as np

from bench.errors import RecordError
from bench.predictions.fields import Convention, Field
from bench.predictions.table import Table
from bench.records import Density

LIKELIHOODS = ("exact", "lower", "upper", "estimate")
DEQUANTISATIONS = ("none", "uniform", "importance", "variational")


def build(table: Table) -> dict[str, Density]:
    """One `Density`."""
    log_prob = table.columns["log_prob"]
    table.refuse("log_prob", np.isnan(log_prob) | (log_prob == np.inf), "a number below infinity")
    dim = table.get("dim")
    if dim is None:
        dim = np.full(len(table), table.constant("dim", 0), dtype=np.int64)
        if dim[0] < 1:
            raise RecordError(
                f"{table.file}: 'dim' is {dim[0]}", cause="it must be at least 1", fix="bench show record density"
            )
    else:
        table.refuse("dim", dim < 1, "at least 1")
    for key in ("mc_error", "ess", "solver_error", "evaluations"):
        if table.get(key) is not None:
            table.refuse(key, ~(table.columns[key] >= 0), "at least 0")
    if table.get("truth") is not None:
        table.refuse("truth", np.isnan(table.columns["truth"]), "a number")
    levels = int(table.constant("levels", 0))
    if levels < 0 or levels == 1:
        raise RecordError(
            f"{table.file}: 'levels' is {levels}",
            cause="it must be 0 (continuous) or at least 2",
            fix="bench show record density",
        )
    record = Density(
        **table.common(),
        log_prob=log_prob,
        dim=dim,
        mc_error=table.get("mc_error"),
        ess=table.get("ess"),
        pareto_k=table.get("pareto_k"),
        solver_error=table.get("solver_error"),
        evaluations=table.get("evaluations"),
        log_det=table.get("log_det"),
        truth=table.get("truth"),
        likelihood=_word(table, "likelihood", LIKELIHOODS),
        levels=levels,
        dequantisation=_word(table, "dequantisation", DEQUANTISATIONS),
        estimator=str(table.constant("estimator", "")),
        tolerance=float(table.constant("tolerance", 0.0)),
    )
    return {table.name: record}


def _word(table: Table, key: str, known: tuple[str, ...]) -> str:
    word = str(table.constant(key, known[0]))
    if word not in known:
        raise RecordError(
            f"{table.file}: '{key}' is '{word}'",
            cause=f"it must be {', '.join(known)}",
            fix="bench show record density",
        )
    return word


CONVENTION = Convention(
    kind="density",
    about="log-density or log-mass of each sample under a model",
    fields=(
        Field(("log_prob",), "log-density (or, for discrete data, log-mass) of the sample, nats", required=True),
        Field(
            ("dim",), "dimensions of the sample: a column, or one value for all", "int", form="constant", required=True
        ),
        Field(("levels",), "grey levels of discrete data; absent or 0: continuous", "int", form="constant"),
        Field(("likelihood",), f"{', '.join(LIKELIHOODS)}; absent: exact", "str", form="constant"),
        Field(("dequantisation",), f"{', '.join(DEQUANTISATIONS)}; absent: none", "str", form="constant"),
        Field(("mc_error",), "Monte-Carlo standard error of log_prob, nats"),
        Field(("ess",), "effective sample size behind log_prob"),
        Field(("pareto_k",), "Pareto k of the importance weights behind log_prob"),
        Field(("solver_error",), "error of log_prob that an ODE solver estimates of itself, nats"),
        Field(("evaluations",), "how often the model was evaluated for the sample", "int"),
        Field(("log_det",), "log |determinant| of the model's own scaling of the data, in log_prob already, nats"),
        Field(("estimator",), "how log_prob was computed; absent: in closed form", "str", form="constant"),
        Field(("tolerance",), "error per step that an ODE solver was held to", form="constant"),
        Field(("truth",), "log-density under the true source, where it is known, nats"),
    ),
    forms=(),
    columns={"id": ["a", "b", "c"], "log_prob": [-100.5, -98.25, -120.0], "dim": [64, 64, 64], "levels": [17, 17, 17]},
    arrays={"log_prob": [-100.5, -98.25, -120.0], "dim": 64, "levels": 17},
    build=build,
)
