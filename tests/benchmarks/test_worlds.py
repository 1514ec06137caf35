"""Worlds of the coverage table: records of every size, metrics with a value, closed forms that samples bear out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.components import Metric
from bench.registry import find
from bench.stats.intervals import intervals, value
from benchmarks.coverage import SIZES
from benchmarks.worlds import SIZE, WORLDS, World, metrics
from benchmarks.worlds.world import NOTHING

LARGE = 1000


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_world_draws_records_of_every_size(world: World) -> None:
    for n in SIZES:
        for clustered in (False, True):
            record = world.draw(np.random.default_rng(n), n, clustered)
            assert len(record) == n
            if clustered:
                _, sizes = np.unique(record.groups, return_counts=True)
                assert (sizes == SIZE).all()


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_each_metric_of_a_world_has_a_value(world: World) -> None:
    names = metrics(world)
    assert names
    assert world.only <= {*names}
    record = world.draw(np.random.default_rng(1), 100, True)
    for name in names:
        found = value(find(Metric, name), record)
        assert found is not None, name
        assert math.isfinite(found), name


@pytest.mark.parametrize("world", [w for w in WORLDS if w.known], ids=lambda world: world.name)
def test_a_large_record_bears_out_what_is_known(world: World) -> None:
    names = [name for name in metrics(world) if name in world.known and name not in NOTHING]
    record = world.draw(np.random.default_rng(2), LARGE, False)
    for name, each in zip(names, intervals([find(Metric, name) for name in names], record, seed=0), strict=True):
        assert not isinstance(each, Exception), name
        low, high = each.interval.low, each.interval.high
        assert low is not None, name
        assert high is not None, name
        # Of so many some miss by chance: two and a half times as far out, none does.
        room = 0.75 * (high - low)
        assert low - room <= world.known[name] <= high + room, name
