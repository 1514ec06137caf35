"""What a group of the harness says of its tasks together, with an interval over all their documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import Metric, PerSample, per_sample
from bench.harness.members import Branch
from bench.harness.metrics import shown
from bench.records import Record, Responses
from bench.specs import Spec


@dataclass(frozen=True)
class TaskGroup:
    """A group that was asked for: its spec, its tasks' specs, and the metrics that it aggregates."""

    spec: Spec
    tasks: tuple[Spec, ...]
    aggregates: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, spec: Spec, branch: Branch) -> TaskGroup:
        """The group of a branch whose tasks are asked with the spec's parameters."""
        tasks = tuple(Spec(spec.name, leaf.target, spec.params) for leaf in branch.leaves())
        return cls(spec, tasks, branch.aggregates)


@dataclass(frozen=True, eq=False)
class Part:
    """The test record of one task of a group, and the task's own metrics for it, by name."""

    record: Record
    metrics: Mapping[str, Metric]


def part(own: Any, record: Record) -> Part:
    """The part that a task's record is; own: as `Task.own`."""
    return Part(record, {metric.name: metric for metric in own(record)})


def joined(parts: Sequence[Part]) -> Record:
    """All samples of the group as one record: `dataset` says of which part each is (its number, as text)."""
    records = [one.record for one in parts]
    return Responses(
        ids=np.array([f"{k}/{name}" for k, record in enumerate(records) for name in record.ids]),
        groups=_groups(records),
        dataset=np.concatenate([np.full(len(record), str(k)) for k, record in enumerate(records)]),
        n_failed=sum(record.n_failed for record in records),
    )


def group_metrics(group: TaskGroup, parts: Sequence[Part], record: Record) -> list[Metric]:
    """The metrics of the group for its `joined` record.

    By size, a task counts as often as it has samples; otherwise all tasks count alike.  Tasks without the metric are
    left out, as the harness leaves them.
    """
    found = []
    for aggregate in group.aggregates:
        by_size = bool(aggregate.get("weight_by_size", True))
        for name in _names(aggregate, parts):
            having = [k for k, one in enumerate(parts) if name in one.metrics]
            found.append(_metric(name, [parts[k] for k in having], having, by_size, record))
    return found


def _names(aggregate: Mapping[str, Any], parts: Sequence[Part]) -> Iterator[str]:
    """Names of the metric, one for each filter that was asked for or that any part has."""
    metric = str(aggregate["metric"])
    filters = aggregate.get("filter_list")
    if filters is not None:
        wanted = [shown(f"{metric},{name}") for name in ([filters] if isinstance(filters, str) else filters)]
    else:
        plain = shown(f"{metric},none")
        every = {name for one in parts for name in one.metrics}
        wanted = sorted(name for name in every if name == plain or name.startswith(f"{plain},"))
    yield from (name for name in wanted if any(name in one.metrics for one in parts))


def _metric(name: str, parts: Sequence[Part], numbers: Sequence[int], by_size: bool, record: Record) -> Metric:
    first = parts[0].metrics[name]
    rows = [np.flatnonzero(record.dataset == str(k)) for k in numbers]
    measured = [None if one.metrics[name].weighted else one.metrics[name].function(one.record) for one in parts]
    means = [m for m in measured if m is not None and m.link == "identity" and m.denominators is None]
    interval = all(one.metrics[name].interval for one in parts)
    function: Any
    if len(means) == len(parts):
        function = partial(_mean_of_means, means, rows, by_size)
    else:
        function = partial(_mean_of_values, name, parts, rows, by_size)
    return Metric(
        name=name,
        area=first.area,
        function=function,
        source=first.source,
        better=first.better,
        range=first.range if len({one.metrics[name].range for one in parts}) == 1 else (None, None),
        of=Record,
        interval=interval,
        no_interval=next((m.no_interval for m in (one.metrics[name] for one in parts) if not m.interval), ""),
    )


def _mean_of_means(means: Sequence[PerSample], rows: Sequence[Any], by_size: bool, record: Record) -> PerSample:
    """One ratio of sums: samples of a task that counts for more than its size carry a larger weight."""
    values, shares = np.zeros(len(record)), np.zeros(len(record))
    total = sum(len(own) for own in rows)
    for mean, own in zip(means, rows, strict=True):
        shares[own] = 1.0 if by_size else total / (len(rows) * max(1, len(own)))
        values[own] = mean.values * shares[own]
    return per_sample(values) if by_size and total == len(record) else per_sample(values, shares)


def _mean_of_values(
    name: str, parts: Sequence[Part], rows: Sequence[Any], by_size: bool, _: Record, weights: Float64s
) -> Float64s:
    """The mean of the tasks' values for each row of weights (B, n), (B,); a task that was not drawn is left out."""
    total, count = np.zeros(len(weights)), np.zeros(len(weights))
    for one, own in zip(parts, rows, strict=True):
        drawn = weights[:, own]
        size = float(len(own)) if by_size else 1.0
        value = _values(one.metrics[name], one.record, drawn)
        total += np.where(np.isfinite(value), size * value, 0.0)
        count += np.where(np.isfinite(value), size, 0.0)
    return np.divide(total, count, out=np.full(len(weights), np.nan), where=count > 0)


def _values(metric: Metric, record: Record, weights: Float64s) -> Float64s:
    if metric.weighted:
        return np.asarray(metric.function(record, weights), dtype=np.float64)
    measured: PerSample = metric.function(record)
    sizes = np.ones(len(record)) if measured.denominators is None else measured.denominators
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = (weights @ measured.values) / (weights @ sizes)
        return {"identity": ratio, "exp": np.exp(ratio), "sqrt": np.sqrt(np.maximum(ratio, 0))}[measured.link]


def _groups(records: Sequence[Record]) -> Any:
    if all(record.groups is None for record in records):
        return None
    named = [record.ids if record.groups is None else record.groups for record in records]
    return np.array([f"{k}/{name}" for k, own in enumerate(named) for name in own])


def of_group(group: TaskGroup, parts: Sequence[Part]) -> tuple[Record, Any]:
    """The joined record of a group's parts, and its metrics as `Wanted.own` takes them."""
    record = joined(parts)
    return record, partial(group_metrics, group, parts)
