"""Coverage where an average hides it: on the worst slab of the inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Bools, Float64s, Floats
from bench.errors import UsageError
from bench.seeds import generator

DIRECTIONS = 200
PASSES = 50
SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Slab:
    """The rows between two parallel planes: low <= inputs @ direction <= high."""

    direction: Float64s
    low: float
    high: float

    def holds(self, inputs: Floats) -> Bools:
        """Whether each row (n, d) lies within, (n,)."""
        at = _along(inputs, self.direction)
        return (self.low <= at) & (at <= self.high)


def worst_slab(
    inputs: Floats,
    covered: Bools,
    weights: Float64s | None = None,
    *,
    mass: float = 0.1,
    directions: int = DIRECTIONS,
    seed: int = 0,
) -> Slab:
    """The slab of at least that share of the mass with the least coverage, over random directions.

    inputs: (n, d); covered, weights: (n,).  Coverage on the rows that chose the slab is too low by that choice, so it
    is evaluated on others.  Source: Cauchois, Gupta and Duchi 2021, Knowing what you know, section 4.
    """
    n, d = inputs.shape
    if not 0 < mass <= 1 or n == 0:
        raise UsageError(f"mass is {mass}", cause="a slab holds a share of the rows", fix="give mass=0.1, say")
    w = np.ones(n) if weights is None else weights
    v = generator(seed, "slab").normal(size=(directions, d))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    lowest, best = np.inf, Slab(v[0], -np.inf, np.inf)
    for direction in v:
        # Rows of one place are in the slab together.
        places, code = np.unique(_along(inputs, direction), return_inverse=True)
        total, held = (np.bincount(code, values).astype(np.float64) for values in (w, w * covered))
        share, start, end = lowest_window(held, total, mass * float(w.sum()))
        if share < lowest - SAME:
            lowest, best = share, Slab(direction, float(places[start]), float(places[end - 1]))
    return best


def _along(inputs: Floats, direction: Float64s) -> Float64s:
    # No matrix product: the last digit of a row's place must not depend on the rows about it.
    return (inputs * direction).sum(axis=1)


def lowest_window(sums: Float64s, weights: Float64s, least: float) -> tuple[float, int, int]:
    """The least ratio of sums to weights over windows [start:end] of at least that weight, and that window.

    sums, weights: (n,).  Dinkelbach's iteration: of the windows, take the one of least sum of (sum - ratio * weight),
    from a running maximum of cumulative sums; each pass lowers the ratio until none is lower.  O(n) a pass, and exact.
    """
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    # The last start that leaves enough weight before each end.
    latest = np.searchsorted(mass, mass - least + SAME * mass[-1], side="right") - 1
    ends = np.flatnonzero((latest >= 0) & (latest < np.arange(len(mass))))
    start, end = 0, len(sums)
    ratio = float(sums.sum() / weights.sum())
    for _ in range(PASSES):
        path = np.concatenate([[0.0], np.cumsum(sums - ratio * weights)])
        gains = path[ends] - np.maximum.accumulate(path)[latest[ends]]
        at = int(gains.argmin())
        if gains[at] >= -SAME * mass[-1]:
            break
        end = int(ends[at])
        start = int(path[: latest[end] + 1].argmax())
        ratio = float(sums[start:end].sum() / weights[start:end].sum())
    return ratio, start, end
