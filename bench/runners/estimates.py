"""Metrics of one record, each with its interval or how it ended; of a record too long for memory, block by block.

What a metric needs to know of a row is little: a mean its values, a judged metric the confidence and the outcome, and
others the columns that they name (`Metric.needs`).  These are gathered in few readings, and measured as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s
from bench.components import Metric, NotApplicable, PerSample
from bench.metrics.judged import judged
from bench.records import JUDGED, Judged, Record, Regression, long
from bench.records.detection import Detection
from bench.records.long import Long
from bench.stats.design import Estimate, absent, design
from bench.stats.intervals import interval, intervals, value

AT_ONCE = 3  # columns of numbers from one reading


class TooLong(NotApplicable):
    """The metric needs a record in memory that is too long for it."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What is known of the rows of a long record: confidence and outcome where these were asked for, each (n,)."""

    n: int
    groups: AnyArray | None
    weights: Float64s | None
    n_failed: int
    confidence: Float64s = field(default_factory=lambda: np.empty(0))
    correct: Bools = field(default_factory=lambda: np.empty(0, dtype=bool))

    def __len__(self) -> int:
        return self.n


def estimates(
    metrics: Sequence[Metric], record: Record | Long | Detection, seed: int, *, ends: bool = True
) -> list[Estimate | Exception]:
    """Each metric's estimate, or how it ended.  All have the same draws; if one crashes on them, each goes alone.

    ends: whether with an interval, which takes most of the time.
    """
    if isinstance(record, Long):
        return _of_long(metrics, record, seed)
    if not ends:
        return [_bare(metric, record) for metric in metrics]
    return _together(metrics, record, seed)


def _together(metrics: Sequence[Metric], record: Any, seed: int) -> list[Estimate | Exception]:
    try:
        return list(intervals(metrics, record, seed=seed))
    except Exception:  # noqa: BLE001 - whose it is, is found out below
        return [_alone(metric, record, seed) for metric in metrics]


def _bare(metric: Metric, record: Any) -> Estimate | Exception:
    try:
        number = value(metric, record)
    except Exception as error:  # noqa: BLE001 - as below
        return error
    groups = design(len(record), groups=record.groups, weights=record.weights).groups
    return Estimate(number, absent("not asked for"), groups)


def _alone(metric: Metric, record: Any, seed: int) -> Estimate | Exception:
    try:
        return interval(metric, record, seed=seed)
    except Exception as error:  # noqa: BLE001 - a crash in one metric must not lose the others
        return error


def _of_long(metrics: Sequence[Metric], record: Long, seed: int) -> list[Estimate | Exception]:
    found: dict[str, Estimate | Exception] = {}
    kinds: dict[str, list[Metric]] = {"values": [], "judged": [], "columns": []}
    for metric in metrics:
        kind = _kind(metric, record)
        if kind:
            kinds[kind].append(metric)
        else:
            found[metric.name] = TooLong(f"it needs the whole record in memory, and {len(record):,} rows are too many")
    for start in range(0, len(kinds["values"]), AT_ONCE):
        found |= _by_values(kinds["values"][start : start + AT_ONCE], record, seed)
    if kinds["judged"]:
        found |= _by_answers(kinds["judged"], record, seed)
    found |= _by_columns(kinds["columns"], record, seed)
    return [found[metric.name] for metric in metrics]


def _kind(metric: Metric, record: Long) -> str:
    """How a long record can be measured; empty where it cannot."""
    if metric.whole:
        return ""
    if metric.of is Judged:
        return "judged"
    if not metric.weighted:
        return "values"
    return "columns" if metric.needs or (issubclass(record.type, Regression) and metric.of is Regression) else ""


def sampling(record: Long) -> Answers:
    """Clusters, weights and failures."""
    rows = record.rows()
    return Answers(len(record), rows.groups, rows.weights, record.n_failed)


def _by_values(metrics: Sequence[Metric], record: Long, seed: int) -> dict[str, Estimate | Exception]:
    """Means, from the values of each row."""
    found: dict[str, Estimate | Exception] = {}
    about: dict[str, PerSample] = {}
    functions: dict[str, Callable[[Any], AnyArray]] = {}
    for metric in metrics:
        try:
            about[metric.name] = metric.function(record.head)
        except Exception as error:  # noqa: BLE001 - one metric's
            found[metric.name] = error
            continue
        ended = _Ended(metric, found)
        functions[metric.name] = ended.values
        if about[metric.name].denominators is not None:
            functions[f"{metric.name}/"] = ended.denominators
    columns = record.gather(functions) if functions else {}
    rows = sampling(record)
    for metric in metrics:
        if metric.name in found:
            continue
        parts = columns.pop(metric.name), columns.pop(f"{metric.name}/", None)
        measured = PerSample(parts[0], parts[1], about[metric.name].link)
        stand_in = replace(metric, function=lambda _, measured=measured: measured)
        found[metric.name] = _alone(stand_in, rows, seed)
    return found


@dataclass(frozen=True)
class _Ended:
    """A metric of means on blocks: once it fails on one, it has failed, and its values are nothing."""

    metric: Metric
    found: dict[str, Estimate | Exception]

    def values(self, block: Any) -> Float64s:
        return self._measured(block).values

    def denominators(self, block: Any) -> Float64s:
        found = self._measured(block).denominators
        return self._nothing(block).values if found is None else found

    def _measured(self, block: Any) -> PerSample:
        if self.metric.name in self.found:
            return self._nothing(block)
        try:
            measured: PerSample = self.metric.function(block)
        except Exception as error:  # noqa: BLE001 - one metric's
            self.found[self.metric.name] = error
            return self._nothing(block)
        return measured

    @staticmethod
    def _nothing(block: Any) -> PerSample:
        return PerSample(np.full(len(block), np.nan))


def _by_answers(metrics: Sequence[Metric], record: Long, seed: int) -> dict[str, Estimate | Exception]:
    """What confidence and outcome are enough for."""
    try:
        columns = record.gather({"confidence": lambda b: judged(b)[0], "correct": lambda b: judged(b)[1]})
    except NotApplicable as reason:
        return dict.fromkeys((metric.name for metric in metrics), reason)
    answers = replace(sampling(record), confidence=columns["confidence"], correct=columns["correct"])
    return dict(zip((m.name for m in metrics), _together(metrics, answers, seed), strict=True))


def _by_columns(metrics: Sequence[Metric], record: Long, seed: int) -> dict[str, Estimate | Exception]:
    """What some columns are enough for; of forecasts, all that they are made of, where they fit into memory."""
    found: dict[str, Estimate | Exception] = {}
    by_columns: dict[tuple[str, ...], list[Metric]] = {}
    for metric in metrics:
        names = metric.needs or ("y", *(key for form in Regression.forms.values() for key in form))
        by_columns.setdefault(tuple(n for n in names if getattr(record.head, n) is not None), []).append(metric)
    for names, those in by_columns.items():
        width = sum(getattr(record.head, name)[:1].nbytes for name in names)
        if width * len(record) > 2 * long.MOST:
            reason = TooLong(f"it needs {', '.join(names)} of {len(record):,} rows in memory: too many")
            found |= dict.fromkeys((metric.name for metric in those), reason)
            continue
        columns = record.only(names)
        found |= zip((m.name for m in those), _together(those, columns, seed), strict=True)
    return found


def takes(metric: Metric, record: Record | Long) -> bool:
    """Whether it is a metric of such records."""
    kind = record.type if isinstance(record, Long) else type(record)
    return issubclass(kind, JUDGED if metric.of is Judged else metric.of)
