"""Worlds of posteriors, events, pairs and the like: their records, and the values that are said to be known."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from bench.arrays import Float64s
from bench.components import Metric, NotApplicable
from bench.registry import components, find
from bench.stats.intervals import interval, value
from benchmarks.worlds import detections, events, pairs, parts, posteriors, programs, searches, shifts
from benchmarks.worlds.world import SIZE, World

MODULES = (detections, posteriors, events, parts, shifts, searches, programs, pairs)
OURS = [world for module in MODULES for world in module.WORLDS]
KNOWN = [(world, name) for world in OURS for name in world.known]
EVERY = pytest.mark.parametrize("world", OURS, ids=lambda world: world.name)


@EVERY
@pytest.mark.parametrize("clustered", [False, True])
def test_records_of_every_size_are_drawn(world: World, clustered: bool) -> None:
    for n in (100, 1000, 10_000):
        record = world.draw(np.random.default_rng(n), n, clustered)
        assert len(record) == n
        assert clustered == (record.groups is not None)
        if clustered:
            assert len(np.unique(record.groups)) == n // SIZE


@EVERY
def test_every_metric_of_the_kind_has_a_value(world: World) -> None:
    for clustered in (False, True):
        record = world.draw(np.random.default_rng(1), 100, clustered)
        own = [m for m in components(Metric).values() if m.of is type(record) and m.interval and m.default]
        found = {}
        for metric in own:
            try:
                found[metric.name] = value(metric, record)
            except NotApplicable:
                # A forecast of one form is no forecast of another.
                assert world.name == "surrogates"
        assert found
        assert all(each is not None and np.isfinite(each) for each in found.values())
        assert world.known.keys() - {m.name for m in components(Metric).values()} == set()


@lru_cache(maxsize=2)
def _drawn(world: World, n: int) -> Any:
    return world.draw(np.random.default_rng(2), n, False)


@pytest.mark.parametrize(("world", "name"), KNOWN, ids=lambda part: part.name if isinstance(part, World) else part)
def test_a_value_that_is_known_is_near_that_of_many_rows(world: World, name: str) -> None:
    metric = find(Metric, name)
    record = _drawn(world, 2_000 if metric.weighted or metric.whole else 20_000)
    number, ends, _ = interval(metric, record, seed=0)
    assert number is not None
    if ends.low is None or ends.high is None:  # nothing varies
        assert number == pytest.approx(world.known[name])
        return
    # Of so many intervals of 95 % some would miss by chance, of twice the width one in ten thousand.
    middle, half = (ends.low + ends.high) / 2, (ends.high - ends.low) / 2
    assert abs(world.known[name] - middle) <= 2 * half + 1e-12
    assert half < 0.1 * max(1.0, abs(number))


# What one number says of each row, in worlds that have one.
DRIVEN: dict[str, Callable[[Any], Float64s]] = {
    "right posteriors": lambda r: np.asarray(r.log_prob),
    "right events": lambda r: np.asarray(r.residuals.sums() / r.dim),
    "marginals": lambda r: np.asarray(r.residual),
    "selections": lambda r: np.asarray(r.weighted),
    "programs": lambda r: np.asarray(r.left_out),
    "searches": lambda r: np.asarray(r.regrets.mean(axis=1)),
}


@pytest.mark.parametrize("name", DRIVEN)
def test_rows_of_a_cluster_depend(name: str) -> None:
    world = next(world for world in OURS if world.name == name)
    table = DRIVEN[name](world.draw(np.random.default_rng(3), 10_000, True)).reshape(-1, SIZE)
    between, within = SIZE * table.mean(axis=1).var(ddof=1), table.var(axis=1, ddof=1).mean()
    intraclass = (between - within) / (between + (SIZE - 1) * within)
    assert intraclass > 0.05
