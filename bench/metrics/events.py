"""Metrics of event sequences."""

from __future__ import annotations

import numpy as np

from bench.arrays import AnyArray, Float64s, Ragged
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.latest import latest
from bench.metrics.uniformity import Levels, Path, distance, levels, path
from bench.records.events import Events

EASY = "EasyTPP: Towards Open Benchmarking Temporal Point Processes"


@metric(
    "nll-per-event",
    of=Events,
    area="likelihood",
    better="lower",
    unit="nats/event",
    source="Daley and Vere-Jones 2003, An Introduction to the Theory of Point Processes",
    papers=(EASY,),
    check="likelihood/hawkes",
)
def nll_per_event(record: Events) -> PerSample:
    """-log density of all sequences over all their events, the silence up to each horizon included.

    It moves with the unit of time.  A mean over sequences of each one's own ratio is no proper score, and is not taken.
    """
    return per_sample(-record.log_prob, record.dim)


@latest
def _levels(record: Events) -> Levels:
    if record.residuals is None or len(record.residuals.values) == 0:
        raise NotApplicable("the model gives no compensators, or there are no events")
    return levels(-np.expm1(-record.residuals.values), record.residuals.offsets)


@latest
def _path(record: Events) -> Path:
    return path(_levels(record))


def _gaps(record: Events, w: Float64s) -> Float64s:
    return _path(record).gaps(w)


@metric(
    "rescaling-distance",
    of=Events,
    area="likelihood",
    better="lower",
    range=(0, 1),
    biased=True,
    norm="max",
    gaps=_gaps,
    source="Brown, Barbieri, Ventura, Kass and Frank 2002, The Time-Rescaling Theorem",
    papers=(EASY,),
    check="likelihood/hawkes",
)
def rescaling_distance(record: Events, weights: Float64s) -> Float64s:
    """Greatest distance (Kolmogorov-Smirnov) of the rescaled gaps from the unit exponential law.

    0 for the true model and endless data; of n gaps of the true model about .87 / sqrt(n).
    """
    return distance(_levels(record), weights)


@metric(
    "next-time-rmse",
    of=Events,
    area="likelihood",
    better="lower",
    unit="units of time",
    range=(0, None),
    source="Xue et al. 2024, EasyTPP",
    papers=(EASY,),
    check="likelihood/next-events",
)
def next_time_rmse(record: Events) -> PerSample:
    """Root mean square of the expected wait for each event less the wait, over all events.

    Waits that the horizon cuts off are not seen, so those that are seen are short ones: even the true model's
    expectation lies above their mean, by little where sequences have many events.
    """
    if record.wait_errors is None:
        raise NotApplicable("the model foresees no waits: the record has no 'wait_errors'")
    squares = Ragged(record.wait_errors.values**2, record.wait_errors.offsets)
    return per_sample(squares.sums(), squares.lengths, link="sqrt")


@metric(
    "next-mark-accuracy",
    of=Events,
    area="likelihood",
    better="higher",
    range=(0, 1),
    source="Xue et al. 2024, EasyTPP",
    papers=(EASY,),
    check="likelihood/next-events",
)
def next_mark_accuracy(record: Events) -> PerSample:
    """Share of events whose mark was the likeliest, given the events before, its time not known."""
    marks, foretold = _marks(record)
    return per_sample(Ragged((marks.values == foretold.values).astype(float), marks.offsets).sums(), marks.lengths)


@metric(
    "next-mark-f1",
    of=Events,
    area="likelihood",
    better="higher",
    range=(0, 1),
    biased=True,
    source="van Rijsbergen 1979; macro-averaged",
    papers=(EASY,),
    check="likelihood/next-events",
)
def next_mark_f1(record: Events, weights: Float64s) -> Float64s:
    """Mean over the marks that occur of 2 hits / (times foretold + times it came): a rare one weighs like any other."""
    marks, foretold = _marks(record)
    kinds = int(max(marks.values.max(initial=0), foretold.values.max(initial=0))) + 1
    rows = np.repeat(np.arange(len(record)), marks.lengths)

    def counted(values: AnyArray, only: AnyArray) -> Float64s:
        found = np.zeros((len(record), kinds))
        np.add.at(found, (rows[only], values[only]), 1.0)
        return weights @ found

    every = np.ones(len(rows), dtype=bool)
    came, said = counted(marks.values, every), counted(foretold.values, every)
    hits = counted(marks.values, marks.values == foretold.values)
    with np.errstate(invalid="ignore"):
        each = np.where(came > 0, 2 * hits / (came + said), np.nan)
    return np.nanmean(each, axis=1)


def _marks(record: Events) -> tuple[Ragged, Ragged]:
    if record.marks is None or record.foretold is None:
        raise NotApplicable("the model foresees no marks: the record has no 'marks' and 'foretold'")
    return record.marks, record.foretold
