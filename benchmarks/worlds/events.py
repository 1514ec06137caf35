"""Worlds of event sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import log_ndtr, ndtr

from bench.arrays import Ragged
from bench.records import Events
from benchmarks.worlds.world import SHARED, SIZE, Rng, World, names

FEW, MOST = 2, 9  # events of a sequence
LENGTH = (FEW + MOST) / 2
HIT = 0.5  # probit of how often the mark is the one that is foretold
FAST = 0.75  # what the wrong model takes the intensity to be, by the true one


def _events(rng: Rng, n: int, clustered: bool, fast: float) -> Events:
    """Renewals whose intensity is 1: waits are unit exponential, and correlate within a cluster."""
    lengths = rng.integers(FEW, MOST + 1, n)
    row = np.repeat(np.arange(n), lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    z = rng.normal(size=(2, len(row)))
    if clustered:
        common = rng.normal(size=(2, n // SIZE))[:, row // SIZE]
        z = np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * z
    waits = -log_ndtr(z[0])
    foretold = rng.choice(3, len(row), p=[0.5, 0.3, 0.2])
    marks = np.where(z[1] < HIT, foretold, (foretold + 1) % 3)

    def listed(values: Any) -> Ragged:
        return Ragged(values, offsets)

    total = listed(waits).sums()
    return Events(
        log_prob=lengths * np.log(fast) - fast * total,
        dim=lengths,
        truth=-total,
        residuals=listed(fast * waits),
        wait_errors=listed(1 / fast - waits),
        marks=listed(marks),
        foretold=listed(foretold),
        **names(n, clustered),
    )


def right_events(rng: Rng, n: int, clustered: bool) -> Events:
    """Two to nine events each, whose intensity the model knows."""
    return _events(rng, n, clustered, 1.0)


def slow_events(rng: Rng, n: int, clustered: bool) -> Events:
    """Two to nine events each, by a model that expects three where four come."""
    return _events(rng, n, clustered, FAST)


def _known(fast: float) -> dict[str, float]:
    # Levels are 1 - exp(-fast x wait), and their distribution is 1 - (1 - u)^(1 / fast).
    at = fast ** (fast / (1 - fast)) if fast != 1 else 1.0  # 1 - u, where it is farthest from u
    nll = fast - np.log(fast)
    return {
        "next-mark-accuracy": float(ndtr(HIT)),
        "nll-per-event": float(nll),
        "nll-nats": float(LENGTH * nll),
        "rescaling-distance": float(abs(at - at ** (1 / fast))),
        "next-time-rmse": float(np.sqrt((1 / fast - 1) ** 2 + 1)),
    }


WORLDS = (World("right events", right_events, _known(1.0)), World("slow events", slow_events, _known(FAST)))
