"""Where records are drawn for which the true value of a metric is known, independent or in clusters."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np

from bench.components import Metric, NotApplicable
from bench.records import Judged
from bench.registry import components, find
from bench.stats.intervals import value
from benchmarks.worlds import (
    classes,
    detections,
    errors,
    events,
    forecasts,
    pairs,
    parts,
    pools,
    posteriors,
    preferences,
    programs,
    questions,
    reasoning,
    scores,
    searches,
    sequences,
    shifts,
    speculation,
    texts,
)
from benchmarks.worlds.world import SHARED, SIZE, World

__all__ = ["SHARED", "SIZE", "WORLDS", "World", "metrics", "truth"]

LARGE = 1_000_000  # independent rows by which a truth without a closed form is found: its error is a tenth of that of
# the largest records, which takes less than 0.1 % off the coverage
PART = 2_000  # of metrics that look at pairs of rows, and are unbiased: the mean of several records
PARTS = 60
PAIRS = frozenset({"skce"})
NOWHERE = frozenset({"worst-slab-coverage"})  # of a slab that the record chooses, so it has no one truth
WORLDS = (
    *(*classes.WORLDS, *scores.WORLDS, *forecasts.WORLDS, *texts.WORLDS),
    *(*speculation.WORLDS, *pools.WORLDS, *preferences.WORLDS, *questions.WORLDS, *sequences.WORLDS),
    *(*errors.WORLDS, *reasoning.WORLDS),
    *(*detections.WORLDS, *posteriors.WORLDS, *events.WORLDS, *parts.WORLDS, *shifts.WORLDS),
    *(*searches.WORLDS, *programs.WORLDS, *pairs.WORLDS),
)


@cache
def metrics(world: World) -> tuple[str, ...]:
    """Names of all metrics that print an interval for a record of that world, and that two earlier ones don't have."""
    record = world.draw(np.random.default_rng(0), 200, False)
    earlier = [name for other in WORLDS[: WORLDS.index(world)] for name in metrics(other)]
    left_out = world.left_out | {name for name in earlier if earlier.count(name) > 1} | NOWHERE
    return tuple(
        name
        for name, metric in components(Metric).items()
        if name not in left_out and (not world.only or name in world.only) and _applies(metric, record)
    )


def _applies(metric: Metric, record: Any) -> bool:
    if not metric.interval or not (
        isinstance(record, metric.of) if metric.of is not Judged else hasattr(record, "confidence")
    ):
        return False
    try:
        return value(metric, record) is not None
    except NotApplicable:
        return False


@cache
def truth(world: World, name: str, clustered: bool = False) -> float:
    """The value that an interval should hold.

    Where it is not known outright it is the population's, by LARGE rows, drawn independently (their marginals are those
    of clusters) but for metrics of whole clusters; of a metric that looks at pairs, the mean over PARTS records of PART
    rows.
    """
    if name in world.known:
        return world.known[name]
    metric = find(Metric, name)
    if name in PAIRS:
        rng = np.random.default_rng(654_321)
        return float(np.mean([value(metric, world.draw(rng, PART, False)) for _ in range(PARTS)]))
    found = value(metric, _large(world, clustered))
    if found is None:
        raise ValueError(f"{name} has no value in {world.name}")
    return found


@lru_cache(maxsize=1)
def _large(world: World, clustered: bool) -> Any:
    return world.draw(np.random.default_rng(123_456), LARGE, clustered)
