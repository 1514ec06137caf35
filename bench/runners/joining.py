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
from bench.runners.measure import Measured, view
from bench.runners.plan import Cell
from bench.stats.cautions import caution
from bench.stats.design import Design, absent, design
from bench.stats.influence import coarse, of_metric
from bench.stats.training_seeds import Member, joined

View = tuple[str, str, str]  # calibrator, score, slice
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
    done = [one for one in members if one.measured.results]
    rows = [{r.key[1:]: r for r in one.measured.results} for one in done]
    keys = dict.fromkeys(key for own in rows for key in own)
    views: dict[View, list[tuple[str, ...]]] = {}
    for key in keys:
        first = next(own[key] for own in rows if key in own)
        views.setdefault((first.calibrator, first.score, first.slice), []).append(key)
    records = _paired(done)
    results = []
    for (calibrator, score, part), named in views.items():
        samples = [view(record, test, calibrator, score, part) for record, test in records] if len(done) > 1 else []
        for key in named:
            each = [own.get(key) for own in rows]
            places = [next((own.get(key) for o, own in zip(done, rows, strict=True) if o is one), None) for one in members]
            results.append(_one(model, [r for r in each if r is not None], places, samples, whole=None not in each))
    notes = (text for one in members for text in one.measured.notes)
    failures = (text for one in members for text in one.measured.failures)
    return Measured(tuple(results), notes=tuple(dict.fromkeys(notes)), failures=tuple(dict.fromkeys(failures)))


def _one(
    model: str, results: Sequence[Result], places: Sequence[Result | None], samples: Sequence[Any], *, whole: bool
) -> Result:
    """One number of all seeds; places: of each seed its result, `None` where it failed."""
    first = results[0]
    value, span = _estimated(results, samples, whole=whole)
    n, groups = min(r.n for r in results), min(r.groups for r in results)
    return replace(
        first,
        model=model,
        value=value,
        low=span.low,
        high=span.high,
        method=span.method,
        n=n,
        n_failed=max(r.n_failed for r in results),
        groups=groups,
        caution="" if span.low is None else caution(first.metric, n, groups),
        seeds=tuple(None if r is None else r.value for r in places),
    )


def _estimated(results: Sequence[Result], samples: Sequence[Any], *, whole: bool) -> tuple[float | None, Interval]:
    lacking = [r for r in results if r.value is None]
    if lacking or not whole:
        return None, absent(lacking[0].method.removeprefix("none: ") if lacking else "not measured for every seed")
    values = [Member(value=float(r.value or 0.0), low=r.low, high=r.high, method=r.method) for r in results]
    first = results[0]
    found = _contributions(first.metric, samples) if all(r.low is not None for r in results) else None
    rows, d = (None, None) if found is None else found
    return joined(values, rows, d, limits=first.range, biased=first.biased)


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
