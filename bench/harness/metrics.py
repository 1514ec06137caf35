"""The metrics of a task of the harness, with its own values and bench's intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import Better, Metric, NotApplicable, PerSample, per_sample
from bench.harness import values
from bench.latest import latest
from bench.records import Record

PREFIX = "lm-eval:"
SOURCE = "lm-evaluation-harness"
Aggregation = Callable[[Sequence[Any]], Any]


@dataclass(frozen=True, eq=False)
class Column:
    """What a metric and filter gave each sample: `items` of those that have a value, `present` (n,) which they are."""

    items: Sequence[Any]
    present: Bools

    @property
    def numbers(self) -> Float64s:
        """The items as numbers, 0 where there is none, (n,)."""
        out = np.zeros(len(self.present))
        out[self.present] = np.asarray(self.items, dtype=np.float64)
        return out

    def pairs(self) -> tuple[Float64s, Float64s]:
        """Items of two numbers each as two columns, 0 where there is none, each (n,)."""
        table = np.zeros((len(self.present), 2))
        table[self.present] = np.asarray([list(item) for item in self.items], dtype=np.float64)
        return table[:, 0], table[:, 1]


@latest
def columns(record: Record) -> dict[str, Column]:
    """All columns of a record, by "metric,filter", in the order in which they first occur."""
    if record.task_values is None:
        raise NotApplicable("the record does not hold what its task gave each sample")
    rows = [values.read(text) for text in record.task_values]
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {
        name: Column([row[name] for row in rows if name in row], np.array([name in row for row in rows], dtype=bool))
        for name in names
    }


def shown(key: str) -> str:
    """How "metric,filter" is called in results: the filter only where it says something."""
    metric, _, name = key.rpartition(",")
    return PREFIX + (metric if name == "none" else key)


def own_metrics(task: Any, record: Record) -> list[Metric]:
    """The metrics of a record of that task, each as the harness aggregates it.

    Means and ratios of sums become per-sample metrics; those of the whole set that a weight can enter are resampled;
    any other is computed by the task's own function, and has no interval.
    """
    return [metric_of(task, key, column) for key, column in columns(record).items()]


def metric_of(task: Any, key: str, column: Column) -> Metric:
    """One metric; see `own_metrics`."""
    from lm_eval.api import metrics as theirs

    name = key.rpartition(",")[0]
    aggregation: Aggregation = task.aggregation().get(name) or theirs.mean
    make = partial(_metric, shown(key), _better(task, name), aggregation)
    function = per_sample_form(aggregation, column)
    if function is not None:
        measured = function(column)
        share = measured.denominators is None and bool(np.isin(measured.values, (0.0, 1.0)).all())
        return make(function=partial(_of_key, key, function), limits=(0, 1) if share else (None, None))
    weighted = _WEIGHTED.get(getattr(aggregation, "__name__", ""))
    if weighted is not None and _is_theirs(aggregation) and column.present.all():
        return make(function=partial(_of_weights, key, weighted), limits=(None, None))
    return make(function=partial(_of_set, key, aggregation), limits=(None, None), interval=False)


def mean_of(name: str, *, limits: tuple[float | None, float | None]) -> Metric:
    """The metric of results called `name` as the mean of what a record holds of it; the task's own is not asked."""
    key = name.removeprefix(PREFIX)
    key = key if "," in key else f"{key},none"
    return Metric(
        name=name,
        area="reasoning",
        function=partial(_of_key, key, _mean),
        source=SOURCE,
        range=limits,
        of=Record,
    )


def per_sample_form(aggregation: Aggregation, column: Column) -> Callable[[Column], PerSample] | None:
    """The aggregation as a mean or a ratio of sums of per-sample numbers; `None` where it is neither."""
    name = getattr(aggregation, "__name__", "")
    form = _FORMS.get(name) if _is_theirs(aggregation) else None
    if form is None:
        return None
    try:
        form(column)
    except (TypeError, ValueError):  # its items are no numbers: whatever the function makes of them, it does itself
        return None
    return form


def _is_theirs(aggregation: Aggregation) -> bool:
    """Whether it is the harness's own function of that name, not a task's."""
    return getattr(aggregation, "__module__", "") == "lm_eval.api.metrics"


def _metric(
    name: str,
    better: Better,
    aggregation: Aggregation,
    *,
    function: Callable[..., Any],
    limits: tuple[float | None, float | None],
    interval: bool = True,
) -> Metric:
    called = getattr(aggregation, "__name__", type(aggregation).__name__)
    return Metric(
        name=name,
        area="reasoning",
        function=function,
        source=SOURCE,
        better=better,
        range=limits,
        of=Record,
        interval=interval,
        no_interval=f"the harness's aggregation '{called}' is not one that bench resamples",
    )


def _better(task: Any, name: str) -> Better:
    higher = task.higher_is_better().get(name)
    return "none" if higher is None else "higher" if higher else "lower"


def _of_key(key: str, form: Callable[[Column], PerSample], record: Record) -> PerSample:
    return form(columns(record)[key])


def _of_weights(key: str, form: Callable[[Column, Float64s], Float64s], record: Record, weights: Float64s) -> Float64s:
    return form(columns(record)[key], weights)


def _of_set(key: str, aggregation: Aggregation, record: Record, weights: Float64s) -> Float64s:
    """The task's own aggregation of all samples, whatever the weights: it has no interval."""
    number = float(aggregation(columns(record)[key].items))
    return np.full(len(weights), number)


def _mean(column: Column) -> PerSample:
    return per_sample(column.numbers, None if column.present.all() else column.present)


def _nanmean(column: Column) -> PerSample:
    held = column.present & ~np.isnan(column.numbers)
    return per_sample(np.where(held, column.numbers, 0.0), None if held.all() else held)


def _perplexity(column: Column) -> PerSample:
    return per_sample(-column.numbers, column.present, link="exp")


def _weighted_perplexity(column: Column) -> PerSample:
    loglik, sizes = column.pairs()
    return per_sample(-loglik, sizes, link="exp")


def _bits_per_byte(column: Column) -> PerSample:
    loglik, sizes = column.pairs()
    return per_sample(-loglik / math.log(2), sizes)


def _brier(column: Column) -> PerSample:
    """(right class, probabilities) of each sample; all must have the same classes, as the harness demands."""
    probs = np.asarray([list(p) for _, p in column.items], dtype=np.float64)
    right = np.eye(probs.shape[1])[[int(gold) for gold, _ in column.items]]
    out = np.zeros(len(column.present))
    out[column.present] = ((probs - right) ** 2).sum(axis=1)
    return per_sample(out, None if column.present.all() else column.present)


_FORMS: Mapping[str, Callable[[Column], PerSample]] = {
    "mean": _mean,
    "nanmean": _nanmean,
    "perplexity": _perplexity,
    "weighted_perplexity": _weighted_perplexity,
    "bits_per_byte": _bits_per_byte,
    "brier_score": _brier,
}


def _f1(column: Column, weights: Float64s) -> Float64s:
    """F1 of class 1 for each row of weights (B, n), (B,); 0 where nothing is of that class and nothing so called."""
    gold, predicted = column.pairs()
    hits = weights @ ((gold == 1) & (predicted == 1))
    marked = weights @ ((gold == 1).astype(np.float64) + (predicted == 1))
    return np.divide(2 * hits, marked, out=np.zeros(len(weights)), where=marked > 0)


def _mcc(column: Column, weights: Float64s) -> Float64s:
    """Matthews' correlation of K classes (Gorodkin 2004) for each row of weights (B, n), (B,); 0 where undefined."""
    gold, predicted = column.pairs()
    classes = np.unique(np.concatenate([gold, predicted]))
    is_gold = (gold[:, None] == classes).astype(np.float64)
    is_predicted = (predicted[:, None] == classes).astype(np.float64)
    total = weights.sum(axis=1)
    truth, answers = weights @ is_gold, weights @ is_predicted
    right = weights @ (gold == predicted)
    covariance = right * total - (truth * answers).sum(axis=1)
    spread = (total**2 - (truth**2).sum(axis=1)) * (total**2 - (answers**2).sum(axis=1))
    return np.divide(covariance, np.sqrt(np.maximum(spread, 0)), out=np.zeros(len(weights)), where=spread > 0)


def _median(column: Column, weights: Float64s) -> Float64s:
    """The harness's median, the upper of two in the middle, for each row of whole-numbered weights (B, n), (B,)."""
    order = np.argsort(column.numbers, kind="stable")
    reached = np.cumsum(weights[:, order], axis=1)
    middle = np.floor(reached[:, -1:] / 2)
    return column.numbers[order][(reached > middle).argmax(axis=1)]


_WEIGHTED: Mapping[str, Callable[[Column, Float64s], Float64s]] = {
    "f1_score": _f1,
    "matthews_corrcoef": _mcc,
    "median": _median,
}
