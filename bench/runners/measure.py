"""From a record to results: calibrators, scores and metrics, each number with its interval.

Pure: what is measured follows from the record, the task's choices and the seed alone, so a run's results can be made
again from its folder, without the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.arrays import Bools
from bench.components import Calibrator, Metric, NotApplicable, Score
from bench.errors import BenchError, UsageError
from bench.records import JUDGED, Density, Judged, Record
from bench.records.detection import Detection
from bench.registry import components, find
from bench.results import Interval, Result
from bench.runners.plan import Cell
from bench.runners.wanted import ALL, Wanted
from bench.seeds import derive
from bench.stats.design import Estimate
from bench.stats.intervals import interval, intervals


@dataclass(frozen=True)
class Measured:
    """Results of a cell, the parameters of its fitted calibrators, and what could not be measured, in words.

    notes: what does not apply to the record.  failures: what crashed; results are then missing.
    """

    results: tuple[Result, ...]
    calibrations: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def measure(cell: Cell, wanted: Wanted, record: Record, *, n_failed: int, seed: int) -> Measured:
    """All results of one cell.  `n_failed` counts the test samples that gave no answer."""
    heard = _Heard()
    results: list[Result] = []
    calibrations: dict[str, dict[str, Any]] = {}
    test = replace(record.split("test"), n_failed=n_failed)
    labels = _Labels(cell, wanted.area, seed, likelihood=record.likelihood if isinstance(record, Density) else "")
    for name, view in _views(record, test, wanted, calibrations, heard):
        results += _of_record(labels.with_(calibrator=name), _changed(wanted, name), _inliers(view), heard)
    for name in wanted.scores:
        results += _of_score(labels.with_(score=name), wanted, name, record, test, heard)
    return Measured(
        tuple(results), calibrations, tuple(dict.fromkeys(heard.notes)), tuple(dict.fromkeys(heard.failures))
    )


@dataclass
class _Heard:
    """What was heard while measuring: what does not apply, and what crashed.  Neither stops the rest."""

    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def of(self, what: str, *, asked: bool) -> Iterator[None]:
        """Go on after what is done inside, however it ends; `asked`: whether to note that it does not apply."""
        try:
            yield
        except NotApplicable as reason:
            if asked:
                self.notes.append(f"{what}: {reason.reason}")
        except BenchError as error:
            self.failures.append(f"{what} failed: {error.what}: {error.cause}")
        except Exception as error:  # noqa: BLE001 - a crash in one metric must not lose the others
            self.failures.append(f"{what} failed: {type(error).__name__}: {error}")


@dataclass(frozen=True)
class _Labels:
    """What names a result, beside its metric."""

    cell: Cell
    area: str
    seed: int
    calibrator: str = ""
    score: str = ""
    slice: str = ""
    likelihood: str = ""

    def with_(self, **changes: str) -> _Labels:
        return replace(self, **changes)  # type: ignore[arg-type]

    def result(self, metric: Metric, value: float | None, span: Interval, groups: int, n: int, n_failed: int) -> Result:
        if value is not None and not math.isfinite(value):
            # JSON has no infinity; the reason stands where the interval's method would.
            value, span = None, Interval(low=None, high=None, method=f"none: the value is {value}")
        return Result(
            model=str(self.cell.model),
            task=str(self.cell.task),
            area=self.area,
            metric=metric.name,
            value=value,
            low=span.low,
            high=span.high,
            n=n,
            n_failed=n_failed,
            groups=groups,
            unit=metric.unit,
            better=metric.better,
            biased=metric.biased,
            method=span.method,
            decoder=str(self.cell.decoder or ""),
            calibrator=self.calibrator,
            score=self.score,
            slice=self.slice,
            likelihood=self.likelihood,
            range=metric.range,
        )

    @property
    def draw_seed(self) -> int:
        """One for a cell, so that what is measured on the same samples is measured on the same resamples."""
        return derive(self.seed, self.cell.label)


def _views(
    record: Record, test: Record, wanted: Wanted, calibrations: dict[str, dict[str, Any]], heard: _Heard
) -> Iterator[tuple[str, Record]]:
    """The test record as it was answered, then after each calibrator fitted on the calibration split."""
    yield "", test
    for name in wanted.calibrators:
        calibrator = find(Calibrator, name)
        fit = _inliers(record.split("calibration"))
        if not isinstance(record, calibrator.of):
            raise UsageError(
                f"calibrator '{name}' cannot take a {record.kind} record",
                cause=f"it is for {calibrator.of.__name__}",
                fix="bench list calibrators",
            )
        if calibrator.fits and len(fit) < 2:
            heard.notes.append(f"calibrator {name}: the calibration split has {len(fit)} samples")
            continue
        with heard.of(f"calibrator {name}", asked=wanted.asked):
            calibration = calibrator.function(fit)
            view = calibration.apply(test)
            calibrations[name] = calibration.parameters
            yield name, view


def _changed(wanted: Wanted, name: str) -> Wanted:
    """What is to be measured after that calibrator: where it says what it can change, of that the wanted, or all."""
    changes = find(Calibrator, name).metrics if name else ()
    if name:  # the task judges what the model answered, not what a calibrator makes of it
        wanted = replace(wanted, own=None)
    if not changes:
        return wanted
    named = tuple(m for m in wanted.metrics if m in changes)
    unasked = tuple(m for m in changes if find(Metric, m).default)
    return replace(wanted, metrics=named or unasked, asked=wanted.asked and bool(named))


def _inliers(record: Record) -> Record:
    """The rows that are in distribution: what a label can be right about."""
    return record if record.ood is None else record.where(~record.ood)


def _of_record(labels: _Labels, wanted: Wanted, test: Record, heard: _Heard) -> Iterator[Result]:
    own = wanted.own(test) if wanted.own is not None and len(test) else ()
    pairs = [(metric, True) for metric in own]
    pairs += _metrics(wanted, lambda m: m.of is not Detection and _takes(m, test))
    found = _estimates([metric for metric, _ in pairs], test, labels.draw_seed)
    for (metric, asked), estimate in zip(pairs, found, strict=True):
        with heard.of(f"{metric.name} on {labels.cell.label}", asked=asked and wanted.asked):
            yield labels.result(metric, *_sound(estimate), len(test), test.n_failed)


def _estimates(metrics: Sequence[Metric], record: Record | Detection, seed: int) -> list[Estimate | Exception]:
    """Each metric's estimate, or how it ended.  All have the same draws; if one crashes on them, each goes alone."""
    try:
        return list(intervals(metrics, record, seed=seed))
    except Exception:  # noqa: BLE001 - whose it is, is found out below
        return [_estimate(metric, record, seed) for metric in metrics]


def _estimate(metric: Metric, record: Record | Detection, seed: int) -> Estimate | Exception:
    try:
        return interval(metric, record, seed=seed)
    except Exception as error:  # noqa: BLE001 - a crash in one metric must not lose the others
        return error


def _sound(estimate: Estimate | Exception) -> Estimate:
    if isinstance(estimate, Exception):
        raise estimate
    return estimate


def _takes(metric: Metric, record: Record) -> bool:
    return isinstance(record, JUDGED) if metric.of is Judged else isinstance(record, metric.of)


def _metrics(wanted: Wanted, fits: Callable[[Metric], bool]) -> Iterator[tuple[Metric, bool]]:
    """The fitting metrics among those named, else all fitting defaults; each with whether it was asked for by name.

    Beside them stand the metrics that the user adds, and defaults that a plugin or a package brought: that is what
    they were added for.
    """
    named = [m for m in (find(Metric, name) for name in wanted.metrics) if fits(m)]
    yield from ((m, True) for m in named)
    for metric in components(Metric).values():
        usual = metric.default and (not named or not metric.function.__module__.startswith("bench."))
        added = metric.name in wanted.more
        if fits(metric) and metric.name not in wanted.metrics and (usual or added or ALL in wanted.more):
            yield metric, added


def _of_score(
    labels: _Labels, wanted: Wanted, name: str, record: Record, test: Record, heard: _Heard
) -> Iterator[Result]:
    score = find(Score, name)
    if not isinstance(test, score.of):
        return
    parts: list[tuple[str, Detection]] = []
    with heard.of(f"score {name} on {labels.cell.label}", asked=wanted.asked):
        values = score.function(test, _inliers(record.split("train"))) if score.fitted else score.function(test)
        parts = [(part, detect(test, values, rows)) for part, rows in _slices(test)]
    metrics = [metric for metric, _ in _metrics(wanted, lambda m: m.of is Detection)]
    for part, detection in parts:
        for metric, estimate in zip(metrics, _estimates(metrics, detection, labels.draw_seed), strict=True):
            with heard.of(f"{metric.name} of {name} on {labels.cell.label}", asked=wanted.asked):
                yield labels.with_(slice=part).result(metric, *_sound(estimate), len(detection), test.n_failed)


def detect(record: Record, values: Any, rows: Bools | None = None) -> Detection:
    """Scores of a record held against what they should detect: `ood` where the record has it, else wrong answers."""
    rows = np.ones(len(record), dtype=bool) if rows is None else rows
    if record.ood is not None:
        positive = record.ood
    elif isinstance(record, JUDGED):
        positive = ~record.correct
    else:
        raise NotApplicable("the record has neither 'ood' nor right and wrong answers")
    return Detection(
        ids=record.ids[rows],
        scores=np.asarray(values, dtype=np.float64)[rows],
        positive=positive[rows],
        groups=None if record.groups is None else record.groups[rows],
        weights=None if record.weights is None else record.weights[rows],
        n_failed=record.n_failed,
    )


def _slices(test: Record) -> Iterator[tuple[str, Bools]]:
    """All rows; then, where OOD rows come from several data sets, the in-distribution rows with each of them."""
    yield "", np.ones(len(test), dtype=bool)
    if test.ood is None or test.dataset is None:
        return
    names = np.unique(test.dataset[test.ood])
    if len(names) > 1:
        for name in names:
            yield str(name), ~test.ood | (test.dataset == name)
