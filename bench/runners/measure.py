"""From a record to results: calibrators, scores and metrics, each number with its interval.

Pure: what is measured follows from the record, the task's choices and the seed alone, so a run's results can be made
again from its folder, without the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints, Strings
from bench.components import Calibrator, Metric, NotApplicable, Score
from bench.errors import BenchError, UsageError
from bench.latest import latest
from bench.records import JUDGED, Density, Generations, Record
from bench.records.detection import Chances, Detection, Errors, Several
from bench.records.long import Long, unnamed
from bench.registry import chosen, components
from bench.results import Interval, Result
from bench.runners.estimates import Answers, TooLong, estimates, sampling, takes
from bench.runners.plan import Cell
from bench.runners.wanted import ALL, Wanted
from bench.seeds import derive
from bench.stats.cautions import caution
from bench.stats.design import Estimate


@dataclass(frozen=True)
class Measured:
    """Results of a cell, the parameters of its fitted calibrators, and what could not be measured, in words.

    notes: what does not apply to the record.  failures: what crashed; results are then missing.
    """

    results: tuple[Result, ...]
    calibrations: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


def measure(
    cell: Cell, wanted: Wanted, record: Record | Long, *, n_failed: int, seed: int, ends: bool = True
) -> Measured:
    """All results of one cell.  `n_failed` counts the test samples that gave no answer.

    ends: whether an interval is wanted; without, they are the numbers alone.
    """
    heard = _Heard()
    results: list[Result] = []
    calibrations: dict[str, dict[str, Any]] = {}
    test = replace(record.split("test"), n_failed=n_failed)
    kind = record.likelihood if isinstance(record, Density) else ""
    labels = _Labels(cell, wanted.area, seed, likelihood=kind, ends=ends or n_failed > 0)
    for name, view in _views(record, test, wanted, calibrations, heard):
        results += _of_record(labels.with_(calibrator=name), _changed(wanted, name), view, heard)
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
        except TooLong as reason:
            self.notes.append(f"{what}: {reason.reason}")
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
    ends: bool = True

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
            caution="" if span.low is None else caution(metric.name, n, groups),
        )

    @property
    def draw_seed(self) -> int:
        """One for a cell, so that what is measured on the same samples is measured on the same resamples."""
        return derive(self.seed, self.cell.label)


def _views(
    record: Record | Long, test: Record | Long, wanted: Wanted, calibrations: dict[str, dict[str, Any]], heard: _Heard
) -> Iterator[tuple[str, Record | Long]]:
    """The test rows in distribution as they were answered, then after each calibrator fitted on its own split."""
    inside = inliers(test)
    yield "", inside
    kind = record.type if isinstance(record, Long) else type(record)
    for name in wanted.calibrators:
        calibrator = chosen(Calibrator, name)
        if not issubclass(kind, calibrator.of):
            raise UsageError(
                f"calibrator '{name}' cannot take a {kind.kind} record",
                cause=f"it is for {calibrator.of.__name__}",
                fix="bench list calibrators",
            )
        with heard.of(f"calibrator {name}", asked=wanted.asked):
            fit = _held(inliers(record.split("calibration")))
            if calibrator.fits and len(fit) < 2:
                heard.notes.append(f"calibrator {name}: the calibration split has {len(fit)} samples")
                continue
            calibration = calibrator.function(fit)
            view = inside.map(calibration.apply) if isinstance(inside, Long) else calibration.apply(inside)
            calibrations[name] = calibration.parameters
            yield name, view


def calibrated(record: Record, test: Any, name: str) -> Any:
    """The test rows after a calibrator fitted on the record's calibration rows; as they are for no name."""
    return chosen(Calibrator, name).function(inliers(record.split("calibration"))).apply(test) if name else test


def scored(record: Record, test: Any, name: str) -> Any:
    """A score of the test rows, (n,), fitted on the record's training rows where it is fitted."""
    return _scorer(record, chosen(Score, name))(test)


def views(record: Record, test: Record, calibrator: str, score: str) -> Callable[[str], Any]:
    """What the metrics of that calibrator and score are computed on, by the name of a slice."""
    if not score:
        whole = inliers(calibrated(record, test, calibrator))
        return lambda _: whole
    values, rows = scored(record, test, score), dict(slices(test))
    return lambda part: detect(test, values, rows[part])


def _scorer(record: Record | Long, score: Score) -> Callable[[Any], Float64s]:
    train = (_fitted_on(record),) if score.fitted else ()
    return lambda test: score.function(test, *train)


@latest
def _fitted_on(record: Record | Long) -> Record:
    """Training rows in distribution: one object for all scores, so that they share what they work out of it."""
    return _held(inliers(record.split("train")))


def _held(record: Record | Long) -> Record:
    """The rows in memory; `TooLong` where they are too many."""
    held = record.held() if isinstance(record, Long) else record
    if held is None:
        raise TooLong(f"it is fitted on rows in memory, and {len(record):,} are too many")
    return held


def _changed(wanted: Wanted, name: str) -> Wanted:
    """What is to be measured after that calibrator: where it says what it can change, of that the wanted, or all."""
    changes = chosen(Calibrator, name).metrics if name else ()
    if name:  # the task judges what the model answered, not what a calibrator makes of it
        wanted = replace(wanted, own=None)
    if not changes:
        return wanted
    named = tuple(m for m in wanted.metrics if m in changes)
    unasked = tuple(m for m in changes if chosen(Metric, m).default)
    more = changes if ALL in wanted.more else tuple(m for m in wanted.more if m.partition(",")[0] in changes)
    return replace(wanted, metrics=named or unasked, more=more, asked=wanted.asked and bool(named))


def inliers(record: Any) -> Any:
    """The rows that are in distribution: what a label can be right about."""
    if isinstance(record, Long):
        return record.inliers()
    return record if record.ood is None else record.where(~record.ood)


def _of_record(labels: _Labels, wanted: Wanted, test: Record | Long, heard: _Heard) -> Iterator[Result]:
    own = wanted.own(test) if wanted.own is not None and isinstance(test, Record) and len(test) else ()
    pairs = [(metric, True) for metric in own]
    pairs += _metrics(wanted, lambda m: not issubclass(m.of, Detection) and takes(m, test))
    found = estimates([metric for metric, _ in pairs], test, labels.draw_seed, ends=labels.ends)
    for (metric, asked), estimate in zip(pairs, found, strict=True):
        with heard.of(f"{metric.name} on {labels.cell.label}", asked=asked and wanted.asked):
            yield labels.result(metric, *_sound(estimate), len(test), test.n_failed)


def _sound(estimate: Estimate | Exception) -> Estimate:
    if isinstance(estimate, Exception):
        raise estimate
    return estimate


def _metrics(wanted: Wanted, fits: Callable[[Metric], bool]) -> Iterator[tuple[Metric, bool]]:
    """The fitting metrics among those named, else all fitting defaults; each with whether it was asked for by name.

    Beside them stand the metrics that the user adds, and defaults that a plugin or a package brought: that is what
    they were added for.
    """
    named = [m for m in (chosen(Metric, name) for name in wanted.metrics) if fits(m)]
    yield from ((m, True) for m in named)
    # A metric with parameters of its own stands beside the one without.
    every = [*components(Metric).values(), *(chosen(Metric, name) for name in wanted.more if "," in name)]
    for metric in every:
        usual = metric.default and (not named or not metric.function.__module__.startswith("bench."))
        added = metric.name in wanted.more
        if fits(metric) and metric.name not in wanted.metrics and (usual or added or ALL in wanted.more):
            yield metric, added


def _of_score(
    labels: _Labels, wanted: Wanted, name: str, record: Record | Long, test: Record | Long, heard: _Heard
) -> Iterator[Result]:
    score = chosen(Score, name)
    if not issubclass(test.type if isinstance(test, Long) else type(test), score.of):
        return
    parts: Iterator[tuple[str, Detection]] = iter(())
    with heard.of(f"score {name} on {labels.cell.label}", asked=wanted.asked):
        values = _scorer(record, score)
        if isinstance(test, Long):
            parts = detections(test, values)
        else:
            found = values(test)
            chance = score.unit == "probability"
            parts = iter([(part, detect(test, found, rows, chance=chance)) for part, rows in slices(test)])
    for part, detection in parts:
        metrics = [metric for metric, _ in _metrics(wanted, _judging(detection))]
        each = estimates(metrics, detection, labels.draw_seed, ends=labels.ends)
        for metric, estimate in zip(metrics, each, strict=True):
            with heard.of(f"{metric.name} of {name} on {labels.cell.label}", asked=wanted.asked):
                yield labels.with_(slice=part).result(metric, *_sound(estimate), len(detection), test.n_failed)


def _judging(detection: Detection) -> Callable[[Metric], bool]:
    return lambda metric: issubclass(metric.of, Detection) and isinstance(detection, metric.of)


def detections(test: Long, score: Callable[[Any], Any]) -> Iterator[tuple[str, Detection]]:
    """As `detect`, of all rows, then of each of `_slices`; one set of columns in memory."""
    functions: dict[str, Callable[[Any], AnyArray]] = {
        "scores": lambda block: np.asarray(score(block), dtype=np.float64),
        "positive": lambda block: detect(block, np.zeros(len(block))).positive,
    }
    names: dict[str, int] = {}
    if test.head.ood is not None and test.head.dataset is not None:
        functions["dataset"] = lambda block: _codes(block.dataset, names)
    columns = test.gather(functions)
    return _each(sampling(test), columns["scores"], columns["positive"], columns.get("dataset"), names)


def _each(
    rows: Answers, scores: Float64s, positive: Bools, dataset: Ints | None, names: dict[str, int]
) -> Iterator[tuple[str, Detection]]:
    def those(chosen: AnyArray | slice, n: int) -> dict[str, Any]:
        return {
            "ids": unnamed(n),
            "scores": scores[chosen],
            "positive": positive[chosen],
            "groups": None if rows.groups is None else rows.groups[chosen],
            "weights": None if rows.weights is None else rows.weights[chosen],
            "n_failed": rows.n_failed,
        }

    every = those(slice(None), len(rows))
    present = np.bincount(dataset[positive], minlength=len(names)) > 0 if dataset is not None else np.zeros(0, bool)
    outside = sorted(name for name, place in names.items() if present[place]) if present.sum() > 1 else []
    if dataset is None or not outside:
        yield "", Detection(**every)
        return
    order = np.full(len(names), -1)
    order[[names[name] for name in outside]] = np.arange(len(outside))
    yield "", Several(**every, sets=order[dataset], names=tuple(outside))
    for name in outside:
        chosen = ~positive | (dataset == names[name])
        yield name, Detection(**those(chosen, int(chosen.sum())))


def _codes(values: Strings, names: dict[str, int]) -> Ints:
    """A number for each name, the same in all blocks."""
    different, place = np.unique(values, return_inverse=True)
    return np.array([names.setdefault(str(v), len(names)) for v in different], dtype=np.int32)[place]


def detect(record: Record, values: Any, rows: Bools | None = None, *, chance: bool = False) -> Detection:
    """Scores of a record held against what they should detect: `ood` where the record has it, else wrong answers.

    chance: whether the scores are probabilities of being wrong.
    """
    rows = np.ones(len(record), dtype=bool) if rows is None else rows
    common: dict[str, Any] = {
        "ids": record.ids[rows],
        "scores": np.asarray(values, dtype=np.float64)[rows],
        "groups": None if record.groups is None else record.groups[rows],
        "weights": None if record.weights is None else record.weights[rows],
        "n_failed": record.n_failed,
    }
    if record.ood is not None:
        names = _outside(record) if rows.all() else ()
        if names:
            sets = np.searchsorted(names, np.asarray(record.dataset))
            return Several(**common, positive=record.ood, sets=sets, names=names)
        return Detection(**common, positive=record.ood[rows])
    if not isinstance(record, JUDGED):
        raise NotApplicable("the record has neither 'ood' nor right and wrong answers")
    tokens = deferred = None
    if isinstance(record, Generations):
        tokens = record.tokens.values[record.chosen].astype(np.float64)[rows]
        deferred = None if record.deferred is None else record.deferred[rows]
    kind = Chances if chance else Errors
    return kind(**common, positive=~record.correct[rows], tokens=tokens, deferred=deferred)


def slices(test: Record) -> Iterator[tuple[str, Bools]]:
    """All rows; then, where OOD rows come from several data sets, the in-distribution rows with each of them."""
    yield "", np.ones(len(test), dtype=bool)
    if test.ood is not None:
        for name in _outside(test):
            yield name, ~test.ood | (test.dataset == name)


def _outside(test: Record) -> tuple[str, ...]:
    """The data sets out of distribution, by name; none where there is only one, or no names."""
    if test.ood is None or test.dataset is None:
        return ()
    names = np.unique(test.dataset[test.ood])
    return tuple(map(str, names)) if len(names) > 1 else ()
