"""Time series with anomalies of known place: each is a clean twin with something changed, and nothing else.

A clean series is a sine with a slow drift and small noise.  Of points: `global` (far from all others) and `contextual`
(far from its neighbours, within the range of all).  Of ranges: `seasonal` (three times the frequency), `trend` (a
slope), `shapelet` (a square wave).  Of variates: one of several is a `walk`, `noise` or `constant` instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator as Rng

from bench.arrays import Bools, Float64s, Ints
from bench.components import NotApplicable

POINTS, RANGES, VARIATES = ("global", "contextual"), ("seasonal", "trend", "shapelet"), ("walk", "noise", "constant")
NOISE = 0.05
# Spread of a sine, in which the sizes of anomalies are counted.
SPREAD = np.sqrt(0.5)


@dataclass(frozen=True, eq=False)
class Series:
    """One series.  values, twin: (n, V), with anomalies and without; anomalous: (n, V).  times: (n,), whole, rising."""

    kind: str
    values: Float64s
    twin: Float64s
    anomalous: Bools
    times: Ints

    @property
    def intervals(self) -> list[list[int]]:
        """First and last times of each run of anomalous samples of any variate, in order."""
        return runs(self.times[self.anomalous.any(axis=1)], self.times)

    @property
    def variates(self) -> list[int]:
        """Variates that hold an anomaly."""
        return np.flatnonzero(self.anomalous.any(axis=0)).tolist()

    def irregular(self, share: float, rng: Rng) -> Series:
        """The series without a random share of its samples, those of anomalies among them, but never all of these."""
        n = len(self.times)
        for _ in range(100):
            kept = np.sort(rng.permutation(n)[: n - round(share * n)])
            if self.anomalous[kept].any() or not self.anomalous.any():
                return Series(self.kind, self.values[kept], self.twin[kept], self.anomalous[kept], self.times[kept])
        raise NotApplicable(f"dropping {share:g} of {n} samples leaves no anomaly")


def runs(marked: Ints, times: Ints) -> list[list[int]]:
    """First and last of each run of marked times that are neighbours among all times."""
    place = np.searchsorted(times, marked)
    starts = np.flatnonzero(np.diff(place, prepend=-2) > 1)
    ends = np.append(starts[1:], len(marked)) - 1
    return [[int(marked[a]), int(marked[b])] for a, b in zip(starts, ends, strict=True)] if len(marked) else []


def clean(n: int, variates: int, rng: Rng) -> Float64s:
    """Sines of periods 12 to 24, phases, slow drifts and noise of their own, (n, variates)."""
    time = np.arange(n)[:, None]
    period, phase = rng.uniform(12, 24, variates), rng.uniform(0, 2 * np.pi, variates)
    drift = rng.uniform(-0.5, 0.5, variates) * time / n
    return np.sin(2 * np.pi * time / period + phase) + drift + NOISE * rng.normal(size=(n, variates))


def anomalous(kind: str, n: int, rng: Rng, *, variates: int = 1) -> Series:
    """A series with one anomaly of that kind: one or two points, an eighth to a fifth of it, or a whole variate."""
    twin = clean(n, variates, rng)
    values, marked = twin.copy(), np.zeros(twin.shape, dtype=bool)
    which = int(rng.integers(variates))
    if kind in POINTS:
        places = rng.choice(np.arange(3, n - 3), size=int(rng.integers(1, 3)), replace=False)
        values[places, which] = _pointed(kind, twin[:, which], places, rng)
    elif kind in RANGES:
        length = int(rng.integers(n // 8, n // 5 + 1))
        start = int(rng.integers(3, n - length - 3))
        places = np.arange(start, start + length)
        values[places, which] += _ranged(kind, twin[places, which], rng)
    else:
        places = np.arange(n)
        values[:, which] = _whole(kind, n, rng)
    marked[places, which] = True
    return Series(kind, values, twin, marked, np.arange(n))


def _pointed(kind: str, twin: Float64s, places: Ints, rng: Rng) -> Float64s:
    if kind == "global":
        sign = rng.choice([-1.0, 1.0], size=len(places))
        return twin.mean() + sign * SPREAD * rng.uniform(5, 7, size=len(places))
    # As far above the middle as the sample was below it, and at least one spread from where it was.
    middle = (twin.max() + twin.min()) / 2
    mirrored = 2 * middle - twin[places]
    near = np.abs(mirrored - twin[places]) < SPREAD
    return np.where(near, np.where(rng.random(len(places)) < 0.5, twin.max(), twin.min()), mirrored)


def _ranged(kind: str, twin: Float64s, rng: Rng) -> Float64s:
    """What is added to the twin over a range."""
    steps = np.arange(1, len(twin) + 1)
    if kind == "trend":
        return rng.choice([-1.0, 1.0]) * SPREAD * 0.35 * steps
    wave = np.sin(2 * np.pi * steps / rng.uniform(4, 6) + rng.uniform(0, 2 * np.pi))
    return (wave if kind == "seasonal" else 1.2 * np.sign(wave)) - twin


def _whole(kind: str, n: int, rng: Rng) -> Float64s:
    if kind == "walk":
        return np.cumsum(rng.normal(size=n)) * 0.3
    return rng.uniform(-1, 1, n) if kind == "noise" else np.full(n, rng.uniform(-1, 1))


def affinity(predicted: Bools, gold: Bools) -> tuple[float, float]:
    """Affinity precision and recall of marked samples (n,) of one series.

    Samples belong to the nearest gold event (runs of gold; ties to the earlier).  A predicted sample is worth the share
    of its zone that is at least as far from the event; a gold sample the share of its zone that is at least as far from
    it as the nearest predicted one of the zone is.  Means within zones, then over zones; zones without predictions have
    a recall of 0 and no precision, and without any prediction both are 0.  Source: Huet, Navarro and Rossi 2022, in its
    form for samples.
    """
    place = np.arange(len(gold))
    events = runs(place[gold], place)
    if not events:
        raise NotApplicable("the series has no anomaly")
    gaps = np.stack([np.maximum.reduce([a - place, place - b, np.zeros_like(place)]) for a, b in events])
    owner = gaps.argmin(axis=0)
    precision, recall = [], []
    for number, (first, last) in enumerate(events):
        zone = np.flatnonzero(owner == number)
        said = zone[predicted[zone]]
        if not len(said):
            recall.append(0.0)
            continue
        far = gaps[number]
        precision.append(float((far[zone] >= far[said][:, None]).mean()))
        inside = np.arange(first, last + 1)
        nearest = np.abs(inside[:, None] - said).min(axis=1)
        recall.append(float((np.abs(inside[:, None] - zone) >= nearest[:, None]).mean()))
    return (float(np.mean(precision)) if precision else 0.0), float(np.mean(recall))
