"""Coverage where an average hides it: by size of the set, by group, and on the worst slab of the inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Floats
from bench.errors import UsageError
from bench.seeds import generator

SIZES = (2, 4, 11, 101)  # strata of set sizes: 0-1, 2-3, 4-10, 11-100, more (Angelopoulos et al. 2021)
DIRECTIONS = 200
PASSES = 50


def by_stratum(covered: Bools, strata: AnyArray, w: Float64s) -> Float64s:
    """Weighted coverage in each stratum, (B, S), strata in sorted order; NaN where a stratum has no weight.

    covered, strata: (n,); w: (B, n).
    """
    names, code = np.unique(strata, return_inverse=True)
    member = (code[:, None] == np.arange(len(names))).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ((w * covered) @ member) / (w @ member)


def worst(covered: Bools, strata: AnyArray, w: Float64s) -> Float64s:
    """The least coverage over the strata that have weight, (B,); NaN where none has."""
    found = by_stratum(covered, strata, w)
    lowest = np.where(np.isnan(found), np.inf, found).min(axis=1)
    return np.where(np.isinf(lowest), np.nan, lowest)


def violation(covered: Bools, strata: AnyArray, w: Float64s, level: float) -> Float64s:
    """The largest distance of a stratum's coverage from `level`, (B,); NaN where no stratum has weight."""
    gap = np.abs(by_stratum(covered, strata, w) - level)
    largest = np.where(np.isnan(gap), -np.inf, gap).max(axis=1)
    return np.where(np.isinf(largest), np.nan, largest)


@dataclass(frozen=True, eq=False)
class Slab:
    """The rows between two parallel planes: low <= inputs @ direction <= high."""

    direction: Float64s
    low: float
    high: float

    def holds(self, inputs: Floats) -> Bools:
        """Whether each row (n, d) lies within, (n,)."""
        at = inputs @ self.direction
        return (self.low <= at) & (at <= self.high)


def worst_slab(
    inputs: Floats, covered: Bools, *, mass: float = 0.1, directions: int = DIRECTIONS, seed: int = 0
) -> Slab:
    """The slab of at least that share of the rows with the least coverage, over random directions.

    inputs: (n, d); covered: (n,).  Coverage on the rows that chose the slab is too low by that choice: evaluate it on
    others.  Source: Cauchois, Gupta and Duchi 2021, Knowing what you know, section 4.
    """
    n, d = inputs.shape
    least = max(1, int(np.ceil(mass * n)))
    if not 0 < mass <= 1 or n == 0:
        raise UsageError(f"mass is {mass}", cause="a slab holds a share of the rows", fix="give mass=0.1, say")
    v = generator(seed, "slab").normal(size=(directions, d))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    lowest, best = np.inf, Slab(v[0], -np.inf, np.inf)
    for direction in v:
        at = np.asarray(inputs @ direction, dtype=np.float64)
        by_place = np.argsort(at, kind="stable")
        share, start, end = lowest_window(covered[by_place].astype(np.float64), least)
        if share < lowest:
            lowest, best = share, Slab(direction, float(at[by_place[start]]), float(at[by_place[end - 1]]))
    return best


def lowest_window(values: Float64s, least: int) -> tuple[float, int, int]:
    """The least mean of values[start:end] over windows of at least `least` entries, and that window.

    Dinkelbach's iteration: of the windows, take the one of least sum of (value - mean so far), from a running minimum;
    each pass lowers the mean until none is lower.  O(n) a pass, and exact.
    """
    n = len(values)
    start, end = 0, n
    mean = float(values.mean())
    for _ in range(PASSES):
        sums = np.concatenate([[0.0], np.cumsum(values - mean)])
        highest = np.maximum.accumulate(sums[: n - least + 1])
        gains = sums[least:] - highest
        at = int(gains.argmin())
        if gains[at] >= -1e-12 * n:
            break
        end = at + least
        start = int(sums[: at + 1].argmax())
        mean = float(values[start:end].mean())
    return mean, start, end
