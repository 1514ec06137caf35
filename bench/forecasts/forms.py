"""Point, spread, quantiles, interval and PIT of a forecast, whatever its form."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.forecasts import mixtures, student
from bench.records import Regression


def gaussian(record: Regression) -> tuple[Float64s, Float64s]:
    """Mean and standard deviation, each (n,); `NotApplicable` for a forecast that is not Gaussian."""
    if record.mean is None or record.std is None:
        raise NotApplicable(f"the forecast is not Gaussian: its form is '{record.form}'")
    return record.mean, record.std


def mean_of(record: Regression) -> Float64s:
    """Mean forecast, (n,), or that of the samples; `NotApplicable` for quantiles and intervals, which have none."""
    form = record.form
    if form == "gaussian" and record.mean is not None:
        return record.mean
    if form == "student":
        return student.mean(record)
    if form == "mixture":
        return mixtures.mean(record)
    if form == "samples" and record.samples is not None:
        return record.samples.mean(axis=1)
    raise NotApplicable(f"the forecast gives no mean: its form is '{form}'; for the median of quantiles see 'mae'")


def std_of(record: Regression) -> Float64s:
    """Standard deviation of the forecast, (n,), or that of the samples (M - 1 degrees of freedom)."""
    form = record.form
    if form == "gaussian" and record.std is not None:
        return record.std
    if form == "student":
        return student.std(record)
    if form == "mixture":
        return mixtures.std(record)
    if form == "samples" and record.samples is not None and record.samples.shape[1] > 1:
        return record.samples.std(axis=1, ddof=1)
    raise NotApplicable(f"the forecast has no standard deviation: its form is '{form}', or it is a single sample")


def quantile(record: Regression, level: float) -> Float64s:
    """Forecast quantile, (n,).

    Between given levels it is interpolated (crossing ones put in order); beyond them no value is made up.  Of M samples
    it is the weighted order statistic at (M + 1) level: an interval between two of these holds a further draw of the
    same distribution with just the probability that it promises.  Raises `NotApplicable` where the level lies outside
    the given ones, or the samples are too few to reach it.
    """
    form = record.form
    if form == "gaussian" and record.mean is not None and record.std is not None:
        from scipy.special import ndtri

        return record.mean + record.std * ndtri(level)
    if form == "student":
        return student.quantile(record, level)
    if form == "mixture":
        return mixtures.quantile(record, level)
    if form == "quantiles":
        return _between(record, level)
    if form == "interval":
        return _end(record, level)
    samples = record.samples
    count = 0 if samples is None else samples.shape[1]
    rank = level * (count + 1)
    if samples is None or min(rank, count + 1 - rank) < 1 - 1e-9:
        raise NotApplicable(f"{count} samples do not reach level {level:g}")
    return np.quantile(samples, level, axis=1, method="weibull")


def _between(record: Regression, level: float) -> Float64s:
    levels = np.asarray(record.levels)
    if record.quantiles is None or not len(levels) or level < levels[0] - 1e-9 or level > levels[-1] + 1e-9:
        raise NotApplicable(f"the forecast's quantiles do not reach level {level:g}")
    right = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1)) if len(levels) > 1 else 0
    left = max(right - 1, 0)
    share = 0.0 if left == right else (level - levels[left]) / (levels[right] - levels[left])
    columns = np.sort(record.quantiles, axis=1)
    return columns[:, left] * (1 - share) + columns[:, right] * share


def _end(record: Regression, level: float) -> Float64s:
    """An interval of 90 % stands for the quantiles .05 and .95, and for no others."""
    for end, at in ((record.lower, (1 - record.level) / 2), (record.upper, (1 + record.level) / 2)):
        if end is not None and abs(level - at) < 1e-9:
            return end
    raise NotApplicable(f"the forecast is an interval of {record.level:g}, which says nothing of level {level:g}")


def central(record: Regression, share: float = 0.9) -> tuple[Float64s, Float64s]:
    """Ends of the central interval that holds `share` of the forecast, each (n,)."""
    return quantile(record, (1 - share) / 2), quantile(record, (1 + share) / 2)


def promised(record: Regression) -> tuple[Float64s, Float64s, float]:
    """Ends of the forecast's own interval, (n,) each, and the share it promises; of other forms the central 90 %."""
    if record.form == "interval" and record.lower is not None and record.upper is not None:
        return record.lower, record.upper, record.level
    return *central(record), 0.9


def pit(record: Regression) -> Float64s:
    """Probability integral transform F(y), (n,).

    Samples: (r + 1/2) / (M + 1) with r the number below y, ties half: uniform but for its steps of 1 / (M + 1).  Other
    forms are exact.  Quantiles and intervals: `NotApplicable`, their tails are unknown.
    """
    form = record.form
    if form == "gaussian" and record.mean is not None and record.std is not None:
        from scipy.special import ndtr

        return ndtr((record.y - record.mean) / record.std)
    if form == "student":
        return student.cdf(record)
    if form == "mixture":
        return mixtures.cdf(record)
    if form == "samples" and record.samples is not None:
        return (rank(record.samples, record.y) + 0.5) / (record.samples.shape[1] + 1)
    raise NotApplicable(f"the form '{form}' leaves the tails open, so y has no probability integral transform")


def rank(samples: Float64s, y: Float64s) -> Float64s:
    """How many of the samples (n, M) lie below y (n,), ties half: (n,)."""
    return ((samples < y[:, None]).sum(axis=1) + (samples <= y[:, None]).sum(axis=1)) / 2
