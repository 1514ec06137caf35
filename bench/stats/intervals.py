"""One number with its interval, for any metric of any record: the only entry that the runner needs.

Which interval belongs to which metric:

=============================  ====================================================================
the metric is                  interval (95 %)
=============================  ====================================================================
a share of zeros and ones      Wilson, with the design effect of clusters and weights
a mean, a ratio of sums        t on clusters (CR1, G - 1), linearised, less its skewness; the link goes over its ends
of the whole set               cluster bootstrap, BCa
of the whole set, and biased   cluster bootstrap, basic
a norm of noisy gaps           test inversion on cluster-bootstrap draws of the gaps
of the whole set, own `ends`   its own, without resamples
that estimates nothing         none (a p-value)
=============================  ====================================================================

Samples that failed stay in the denominator of a mean with a finite range: the value counts each at the worst end, and
the interval reaches from the low end with all failures at the worst to the high end with all at the best.  For any
other metric the value is that of the answered samples, which nobody can bound, so there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from bench.arrays import Float64s, Strings
from bench.components import Metric, NotApplicable, PerSample
from bench.metrics.gathering import gathered as gathered_rows
from bench.results import Interval
from bench.stats.bootstrap import Statistic, Weighted, estimates, gathered, point, unable, weighted
from bench.stats.design import Design, Estimate, absent, design, too_few
from bench.stats.means import clipped, linked, mean
from bench.threads import one_blas_thread

__all__ = ["Design", "Estimate", "design", "interval", "intervals", "mean", "value", "weighted"]


class Sampled(Protocol):
    """What a record or a detection says of its sampling."""

    @property
    def groups(self) -> Strings | None:
        """Cluster of each sample, (n,)."""
        ...

    @property
    def weights(self) -> Float64s | None:
        """Weight of each sample, (n,)."""
        ...

    @property
    def n_failed(self) -> int:
        """How many were asked and gave no answer."""
        ...

    def __len__(self) -> int: ...


def interval(metric: Metric, record: Sampled, *, seed: int) -> Estimate:
    """The metric of a record with its 95 % interval: (value, interval, groups).

    record: what `metric.of` says.  seed: of the bootstrap's draws; equal seeds give equal ends.  Raises what the metric
    raises, `NotApplicable` above all.
    """
    found = intervals([metric], record, seed=seed)[0]
    if isinstance(found, NotApplicable):
        raise found
    return found


def intervals(metrics: Sequence[Metric], record: Sampled, *, seed: int) -> list[Estimate | NotApplicable]:
    """Several metrics of one record, each as by `interval`, or why it does not apply: their draws are the same ones."""
    with one_blas_thread():
        return _intervals(metrics, record, seed)


def _intervals(metrics: Sequence[Metric], record: Sampled, seed: int) -> list[Estimate | NotApplicable]:
    d = design(len(record), groups=record.groups, weights=record.weights)
    found: dict[str, Estimate | NotApplicable] = {}
    by_rows: dict[str, Statistic] = {}
    by_cells: dict[str, tuple[Statistic, Weighted, Weighted]] = {}
    many = gathered_rows(record) if any(m.gathers and m.interval for m in metrics) and not record.n_failed else None
    for metric in metrics:
        try:
            if not metric.weighted or record.n_failed or not metric.interval:
                found[metric.name] = _alone(metric, record, d)
            else:
                function = partial(metric.function, record)
                gaps = None if metric.gaps is None else partial(metric.gaps, record)
                norm = metric.norm(record) if callable(metric.norm) else metric.norm
                statistic = Statistic(function, point(function, d), metric.biased, metric.range, norm, gaps)
                if metric.ends is not None:
                    found[metric.name] = _own(metric, record, statistic, d)
                elif many is None or not metric.gathers:
                    by_rows[metric.name] = statistic
                else:
                    left, drawn = (partial(metric.function, each) for each in (many.cells, many.resampled))
                    if metric.gaps is not None:
                        # The test is about the cells, since their gaps are what is drawn.
                        norm = metric.norm(many.cells) if callable(metric.norm) else metric.norm
                        statistic = replace(statistic, gaps=partial(metric.gaps, many.cells), norm=norm)
                        drawn = partial(metric.gaps, many.resampled)
                    by_cells[metric.name] = statistic, left, drawn
        except NotApplicable as reason:
            found[metric.name] = reason
    found |= zip(by_rows, estimates(list(by_rows.values()), d, seed=seed), strict=True)
    if many is not None:
        found |= zip(by_cells, gathered(list(by_cells.values()), many.rows, many.codes, d, seed=seed), strict=True)
    return [found[metric.name] for metric in metrics]


def _own(metric: Metric, record: Sampled, statistic: Statistic, d: Design) -> Estimate:
    """A metric that knows its own interval."""
    reason = unable(statistic.value, d)
    number = None if math.isnan(statistic.value) else statistic.value
    if reason or metric.ends is None:
        return Estimate(number, absent(reason), d.groups)
    ends = metric.ends(record, d)
    if ends.low is None or ends.high is None:
        return Estimate(number, ends, d.groups)
    return Estimate(number, clipped(ends.low, ends.high, metric.range, ends.method), d.groups)


def _alone(metric: Metric, record: Sampled, d: Design) -> Estimate:
    """A metric whose interval needs no draws."""
    failed = record.n_failed
    if not metric.interval:
        return Estimate(value(metric, record), absent(too_few(d) or metric.no_interval), d.groups)
    if metric.weighted:
        number = point(partial(metric.function, record), d)
        return Estimate(None if math.isnan(number) else number, _unbounded(failed), d.groups)
    measured: PerSample = metric.function(record)
    if failed:
        return _with_failures(metric, measured, d, failed)
    return mean(measured.values, d, denominators=measured.denominators, link=measured.link, limits=metric.range)


def value(metric: Metric, record: Sampled) -> float | None:
    """The metric of a record's answered samples without an interval; `None` where it is undefined."""
    if metric.weighted:
        number = point(partial(metric.function, record), design(len(record), weights=record.weights))
        return None if math.isnan(number) else number
    measured: PerSample = metric.function(record)
    if record.weights is not None:
        d = design(len(record), weights=record.weights)
        return mean(measured.values, d, denominators=measured.denominators, link=measured.link).value
    total = float(len(record) if measured.denominators is None else measured.denominators.sum())
    with np.errstate(invalid="ignore"):
        number = float(measured.values.sum()) / total if total else math.nan
    return None if math.isnan(number) else linked(number, measured.link)


def _unbounded(failed: int) -> Interval:
    return absent(f"{failed} failed, and what they would add has no bound")


def _with_failures(metric: Metric, measured: PerSample, d: Design, failed: int) -> Estimate:
    low, high = metric.range
    bounded = measured.denominators is None and measured.link == "identity" and metric.better != "none"
    if not bounded or low is None or high is None:
        answered = mean(measured.values, d, denominators=measured.denominators, link=measured.link)
        return Estimate(answered.value, _unbounded(failed), d.groups)
    at_low = _filled(measured.values, d, failed, low, metric)
    at_high = _filled(measured.values, d, failed, high, metric)
    worst = at_low if metric.better == "higher" else at_high
    if at_low.interval.low is None or at_high.interval.high is None:
        return Estimate(worst.value, worst.interval, d.groups)
    ends = Interval(
        low=at_low.interval.low, high=at_high.interval.high, method=f"{worst.interval.method} + attrition bounds"
    )
    return Estimate(worst.value, ends, d.groups)


def _filled(values: Float64s, d: Design, failed: int, end: float, metric: Metric) -> Estimate:
    """The mean with each failed sample at `end`: a cluster of its own, of the mean weight of the others."""
    weight = float(d.weights.sum()) / d.rows if d.rows else 1.0
    completed = Design(
        weights=np.concatenate([d.weights, np.full(failed, weight)]),
        cluster=np.concatenate([d.codes, d.groups + np.arange(failed)]),
        groups=d.groups + failed,
        rows=d.rows + failed,
        plain=d.plain,
    )
    return mean(np.concatenate([values, np.full(failed, end)]), completed, limits=metric.range)
