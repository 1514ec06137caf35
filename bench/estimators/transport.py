"""How far apart two sequences of marked events are, by the cheapest way to make one of the other.

Events of one mark are moved at a cost of the time between them, or deleted and inserted at a fixed cost each: Mei, Qin
and Eisner 2019, arXiv:1905.05570, which EasyTPP takes for forecasts over a long horizon.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.references.events import Sequences


def transport_distance(one: Sequences, other: Sequences, cost: float) -> Float64s:
    """Distance of each pair of sequences, (n,), in units of time; cost: of an event deleted or inserted.

    The cheapest matching of events in time never crosses, so an alignment finds it; all pairs are aligned at once, mark
    by mark.
    """
    marks = int(max(one.marks.max(initial=0), other.marks.max(initial=0))) + 1
    total = np.zeros(len(one.horizon))
    for mark in range(marks):
        total += _aligned(
            one.times, one.present & (one.marks == mark), other.times, other.present & (other.marks == mark), cost
        )
    return total


def _aligned(times: Float64s, here: np.ndarray, against: Float64s, there: np.ndarray, cost: float) -> Float64s:
    """By rows of cheapest costs of beginnings; an event that is not there is passed over for nothing."""
    row = np.concatenate([np.zeros((len(times), 1)), np.cumsum(cost * there, axis=1)], axis=1)
    for i in range(times.shape[1]):
        deleted = cost * here[:, i]
        fresh = np.empty_like(row)
        fresh[:, 0] = row[:, 0] + deleted
        both = here[:, i, None] & there
        moved = np.where(both, np.abs(times[:, i, None] - against), np.inf) + row[:, :-1]
        best = np.minimum(row[:, 1:] + deleted[:, None], moved)
        for j in range(against.shape[1]):
            fresh[:, j + 1] = np.minimum(best[:, j], fresh[:, j] + cost * there[:, j])
        row = fresh
    return row[:, -1]
