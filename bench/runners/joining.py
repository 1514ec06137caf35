"""Trainings of one model by several seeds, each measured as a cell of its own, joined to one result a number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.arrays import Float64s
from bench.components import Metric, NotApplicable
from bench.errors import BenchError
from bench.records import Record
from bench.registry import chosen
from bench.results import Interval, Result
from bench.runners.measure import Measured, views
from bench.runners.plan import Cell
from bench.stats.cautions import caution
from bench.stats.design import Design, absent, design
from bench.stats.influence import coarse, of_metric
from bench.stats.training_seeds import joined

Paired = tuple[Float64s, Design]


@dataclass(frozen=True)
class Told:
    """What was measured of a cell, and the way to its record again; `None` where there is none in memory."""

    cell: Cell
    measured: Measured
    record: Callable[[], Record | None]


def together(told: Iterable[Told]) -> list[Measured]:
    """What was measured, the trainings of a model as one: a seed whose cell failed leaves an empty place."""
    families: dict[tuple[str, str, str], list[Told]] = {}
    found = []
    for one in told:
        cell = one.cell
        if cell.family is None:
            found.append(one.measured)
        else:
            families.setdefault((str(cell.family), str(cell.task), str(cell.decoder or "")), []).append(one)
    return found + [_joined(model, members) for (model, _, _), members in families.items()]


def _joined(model: str, members: Sequence[Told]) -> Measured:
    rows = [{r.key[1:]: r for r in one.measured.results} for one in members]
    done = [one for one in members if one.measured.results]
    records = _paired(done) if len(done) > 1 else []
    named: dict[tuple[str, str], list[Result]] = {}
    for first in {key: r for row in reversed(rows) for key, r in row.items()}.values():
        named.setdefault((first.calibrator, first.score), []).append(first)
    results = []
    for (calibrator, score), firsts in named.items():
        seen = [views(record, test, calibrator, score) for record, test in records]
        for first in firsts:
            each = [row.get(first.key[1:]) for row in rows]
            results.append(_one(model, each, [view(first.slice) for view in seen], len(done)))
    notes = (text for one in members for text in one.measured.notes)
    failures = (text for one in members for text in one.measured.failures)
    return Measured(tuple(results), notes=tuple(dict.fromkeys(notes)), failures=tuple(dict.fromkeys(failures)))


def _one(model: str, each: Sequence[Result | None], samples: Sequence[Any], done: int) -> Result:
    """One number of all seeds; each: of every seed its result, `None` where it failed; done: how many did not."""
    results = [r for r in each if r is not None]
    value, span = _estimated(results, samples, done)
    n, groups = min(r.n for r in results), min(r.groups for r in results)
    return replace(
        results[0],
        model=model,
        value=value,
        low=span.low,
        high=span.high,
        method=span.method,
        n=n,
        n_failed=max(r.n_failed for r in results),
        groups=groups,
        caution="" if span.low is None else caution(results[0].metric, n, groups),
        seeds=tuple(None if r is None else r.value for r in each),
    )


def _estimated(results: Sequence[Result], samples: Sequence[Any], done: int) -> tuple[float | None, Interval]:
    first, values = results[0], [r.value for r in results if r.value is not None]
    if len(values) < done:
        lacking = next((r.method.removeprefix("none: ") for r in results if r.value is None), "")
        return None, absent(lacking or "not measured for every seed")
    found = _contributions(first.metric, samples)
    rows, d = (None, None) if found is None else found
    own = Interval(low=first.low, high=first.high, method=first.method)
    return joined(np.array(values), own, rows, d, limits=first.range, biased=first.biased)


def _contributions(name: str, samples: Sequence[Any]) -> Paired | None:
    """What each row adds to the metric of each seed, (S, n), and the rows' design; `None` where they are not paired."""
    if not samples:
        return None
    try:
        metric = chosen(Metric, name)
        d = design(len(samples[0]), groups=samples[0].groups, weights=samples[0].weights)
        if metric.weighted and metric.name != "auroc":
            d = coarse(d, seed=0)
        found = np.stack([of_metric(metric, sample, d).contributions for sample in samples])
    except (NotApplicable, BenchError):
        return None
    return (found, d) if np.isfinite(found).all() else None


def _paired(done: Sequence[Told]) -> list[tuple[Record, Record]]:
    """The records of all seeds with their test samples, where these are the same ones; else none."""
    records = [one.record() for one in done]
    found = [(record, record.split("test")) for record in records if record is not None]
    same = len(found) == len(records) and all(
        np.array_equal(test.ids, found[0][1].ids) and test.n_failed == 0 for _, test in found
    )
    return found if same else []
