"""Spins of which some are seen: the probability of any subset, which can be summed by hand."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Ints
from bench.components import task
from bench.errors import EvaluationError
from bench.estimators.marginals import Table, ising
from bench.estimators.masked import ordered
from bench.examples import Examples
from bench.metrics.marginals import CHECK, MAM
from bench.records import Record
from bench.records.marginals import Marginals
from bench.seeds import generator
from bench.tasks.asking import Asked

SPINS, COUPLING, FIELD = 10, 0.4, 0.1
SIZES = {"train": 4000, "test": 500}
UNSEEN = -1


@cache
def spins() -> Table:
    """The distribution behind `likelihood/spins`, enumerated."""
    states, log_mass = ising(SPINS, COUPLING, FIELD)
    return Table(states, log_mass, 2)


@task(
    "likelihood/spins",
    needs="density",
    yields=Marginals,
    source="Ising 1925: a ring, by enumeration; Liu, Ramadge and Adams 2024 for the question",
    papers=(MAM,),
    check=CHECK,
)
def likelihood_spins(seed: int) -> Examples:
    """500 states of a ring of ten spins, of each of which one to ten are seen: log p of those; truth is exact.

    Unseen spins stand as -1.  A model answers with `marginal(rows, seen)` and `conditional(rows, hidden)`; its
    `likelihood`, where it has one, is their kind.
    """
    table, parts = spins(), {}
    for split, n in SIZES.items():
        draws = generator(seed, "likelihood/spins", split)
        rows = table.values[draws.choice(len(table.values), size=n, p=table.mass)]
        ids = np.array([f"spins-{split}-{i:04d}" for i in range(n)])
        rank = draws.random((n, SPINS)).argsort(axis=1).argsort(axis=1)
        seen = rank < (draws.integers(SPINS, size=n) + 1)[:, None] if split == "test" else np.ones(rows.shape, bool)
        inputs: AnyArray = np.where(seen, rows, UNSEEN).astype(np.float64)
        parts[split] = Examples(ids=ids, inputs=inputs, truth=table.marginal(rows, seen), levels=2, asker=Asked(ask))
    return Examples.join(parts)


def ask(model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Record:
    """The record of a batch; the order of the chain, and the variable added, depend on a sample's id alone."""
    for name in ("marginal", "conditional"):
        if not callable(getattr(model, name, None)):
            raise EvaluationError(
                "the model cannot be asked about a part of a sample",
                cause=f"it has no method '{name}'",
                fix="ask a model that sums variables out, such as marginal-network or hclt",
            )
    given = np.asarray(batch.inputs)
    seen = given != UNSEEN
    rows: Ints = np.where(seen, given, 0).astype(np.int64)
    order = np.stack([generator(seed, "spins", str(id_)).permutation(rows.shape[1]) for id_ in batch.ids])
    logs = model.marginal(rows, seen)
    return Marginals(
        **common,
        log_prob=logs,
        dim=seen.sum(axis=1),
        truth=batch.truth,
        levels=batch.levels,
        likelihood=getattr(model, "likelihood", "exact"),
        residual=_residual(model, rows, seen, order, logs),
        chained=_chained(model, rows, seen, order),
    )


def _residual(model: Any, rows: Ints, seen: Bools, order: Ints, logs: AnyArray) -> AnyArray:
    """Of what is seen, the last variable in the order is taken as the one more."""
    each = np.arange(len(rows))
    last = np.where(seen, order, -1).argmax(axis=1)
    less = seen.copy()
    less[each, last] = False
    before = model.marginal(rows, less)
    added = model.conditional(rows, ~less)[each, last, rows[each, last]]
    return np.asarray(before + added - logs)


def _chained(model: Any, rows: Ints, seen: Bools, order: Ints) -> AnyArray:
    """Seen variables first, in that order, and only they are counted."""
    turns = np.where(seen, order, order + rows.shape[1]).argsort(axis=1)
    return ordered(model.conditional, rows, turns, counted=seen)
