"""Metrics of event sequences."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records.events import Events

EASY = "EasyTPP: Towards Open Benchmarking Temporal Point Processes"
BLOCK = 64


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


@metric(
    "rescaling-distance",
    of=Events,
    area="likelihood",
    better="lower",
    range=(0, 1),
    biased=True,
    source="Brown, Barbieri, Ventura, Kass and Frank 2002, The Time-Rescaling Theorem",
    papers=(EASY,),
    check="likelihood/hawkes",
)
def rescaling_distance(record: Events, weights: Float64s) -> Float64s:
    """Greatest distance (Kolmogorov-Smirnov) of the rescaled gaps from the unit exponential law.

    0 for the true model and endless data; of n gaps of the true model about .87 / sqrt(n).
    """
    if record.residuals is None or len(record.residuals.values) == 0:
        raise NotApplicable("the model gives no compensators, or there are no events")
    levels = -np.expm1(-record.residuals.values)
    order = np.argsort(levels)
    rows = np.repeat(np.arange(len(record)), record.residuals.lengths)[order]
    out = np.empty(len(weights))
    for i in range(0, len(weights), BLOCK):
        mass = weights[i : i + BLOCK, rows]
        after = mass.cumsum(axis=1)
        total = after[:, -1:]
        gap = np.maximum(np.abs(after / total - levels[order]), np.abs((after - mass) / total - levels[order]))
        out[i : i + BLOCK] = gap.max(axis=1)
    return out
