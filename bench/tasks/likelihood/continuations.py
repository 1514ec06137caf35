"""Forecasts over a long horizon: what follows the first part of a sequence of events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bench.arrays import Float64s, Ints
from bench.components import task
from bench.errors import EvaluationError
from bench.estimators.transport import transport_distance
from bench.examples import Examples
from bench.metrics.continuations import CHECK
from bench.metrics.events import EASY
from bench.records import Record
from bench.records.continuations import Continuations
from bench.references.events import Sequences, unpacked
from bench.seeds import derive
from bench.tasks.asking import Asked
from bench.tasks.likelihood.events import likelihood_hawkes

SEEN = 15.0
DRAWS = 8
COSTS = (0.05, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


@task(
    "likelihood/hawkes-forecast",
    needs="density",
    yields=Continuations,
    source="Xue et al. 2024, EasyTPP, for the question",
    papers=(EASY,),
    check=CHECK,
)
def likelihood_hawkes_forecast(seed: int) -> Examples:
    """The sequences of `likelihood/hawkes`, seen up to 15: eight drawn continuations to 20 against what came.

    A model answers with `continued(inputs, until, draws, seeds)`, as `hawkes` and `poisson` do.
    """
    return replace(likelihood_hawkes(seed), truth=None, asker=Asked(ask))


def ask(model: Any, _: Any, batch: Examples, seed: int, common: dict[str, Any]) -> Record:
    """The record of a batch; a sequence's draws depend on its id alone."""
    if not callable(getattr(model, "continued", None)):
        raise EvaluationError(
            "the model draws no continuations", cause="it has no method 'continued'", fix="ask hawkes or poisson"
        )
    whole = unpacked(np.asarray(batch.inputs))
    seeds = np.array([derive(seed, "continued", str(id_)) % 2**63 for id_ in batch.ids], dtype=np.int64)
    until = float(whole.horizon.max())
    drawn = model.continued(within(whole, 0.0, SEEN).packed(), until, DRAWS, seeds)
    came = within(whole, SEEN, until)
    places = np.arange(len(batch) * DRAWS)
    # Each draw and the one after it: as many pairs as draws, each of two that know nothing of one another.
    others = places // DRAWS * DRAWS + (places + 1) % DRAWS
    return Continuations(
        **common,
        distance=_apart(drawn, _taken(came, places // DRAWS)),
        spread=_apart(drawn, _taken(drawn, others)),
        drawn=drawn.counts.reshape(-1, DRAWS).mean(axis=1),
        came=came.counts.astype(np.float64),
        draws=DRAWS,
    )


def _apart(drawn: Sequences, against: Sequences) -> Float64s:
    """Mean over the draws of each sequence, and over all costs, (n,)."""
    each = np.mean([transport_distance(drawn, against, cost) for cost in COSTS], axis=0)
    return each.reshape(-1, DRAWS).mean(axis=1)


def _taken(events: Sequences, rows: Ints) -> Sequences:
    return Sequences(events.times[rows], events.marks[rows], events.present[rows], events.horizon[rows])


def within(events: Sequences, start: float, end: float) -> Sequences:
    """The events after `start` and up to `end`, in their order, the rest left out."""
    kept = events.present & (events.times > start) & (events.times <= end)
    order = np.argsort(~kept, axis=1, kind="stable")[:, : max(1, int(kept.sum(axis=1).max(initial=0)))]
    times, marks = np.take_along_axis(events.times, order, axis=1), np.take_along_axis(events.marks, order, axis=1)
    present = np.take_along_axis(kept, order, axis=1)
    return Sequences(np.where(present, times, 0.0), np.where(present, marks, 0), present, np.full(len(kept), end))
