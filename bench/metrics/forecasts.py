"""What regression metrics share: point, spread, interval and PIT of a forecast, whatever its form."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.records import Regression


def gaussian(record: Regression) -> tuple[Float64s, Float64s]:
    """Mean and standard deviation, each (n,); `NotApplicable` for a forecast that is not Gaussian."""
    if record.mean is None or record.std is None:
        raise NotApplicable("the forecast is not Gaussian: it gives quantiles or samples, no density")
    return record.mean, record.std


def mean_of(record: Regression) -> Float64s:
    """Mean forecast, (n,): of the Gaussian or of the samples; `NotApplicable` for quantiles, which have none."""
    if record.mean is not None:
        return record.mean
    if record.samples is not None:
        return record.samples.mean(axis=1)
    raise NotApplicable("quantiles give no mean; for the median see 'mae'")


def std_of(record: Regression) -> Float64s:
    """Standard deviation of the forecast, (n,): of the Gaussian, or of the samples (M - 1 degrees of freedom)."""
    if record.std is not None:
        return record.std
    if record.samples is not None and record.samples.shape[1] > 1:
        return record.samples.std(axis=1, ddof=1)
    raise NotApplicable("the forecast has no standard deviation: it gives quantiles, or a single sample")


def quantile(record: Regression, level: float) -> Float64s:
    """Forecast quantile, (n,).

    Between given levels it is interpolated (crossing ones put in order); beyond them no value is made up.  Of M samples
    it is the weighted order statistic at (M + 1) level: an interval between two of these holds a further draw of the
    same distribution with just the probability that it promises.  Raises `NotApplicable` where the level lies outside
    the given ones, or the samples are too few to reach it.
    """
    if record.mean is not None and record.std is not None:
        from scipy.special import ndtri

        return record.mean + record.std * ndtri(level)
    if record.quantiles is not None:
        levels = np.asarray(record.levels)
        if len(levels) == 0 or level < levels[0] - 1e-9 or level > levels[-1] + 1e-9:
            raise NotApplicable(f"the forecast's quantiles do not reach level {level:g}")
        right = int(np.clip(np.searchsorted(levels, level), 1, len(levels) - 1)) if len(levels) > 1 else 0
        left = max(right - 1, 0)
        share = 0.0 if left == right else (level - levels[left]) / (levels[right] - levels[left])
        columns = np.sort(record.quantiles, axis=1)
        return columns[:, left] * (1 - share) + columns[:, right] * share
    samples = record.samples
    count = 0 if samples is None else samples.shape[1]
    rank = level * (count + 1)
    if samples is None or min(rank, count + 1 - rank) < 1 - 1e-9:
        raise NotApplicable(f"{count} samples do not reach level {level:g}")
    return np.quantile(samples, level, axis=1, method="weibull")


def central(record: Regression, share: float = 0.9) -> tuple[Float64s, Float64s]:
    """Ends of the central interval that holds `share` of the forecast, each (n,)."""
    return quantile(record, (1 - share) / 2), quantile(record, (1 + share) / 2)


def pit(record: Regression) -> Float64s:
    """Probability integral transform F(y), (n,).

    Gaussian: exact.  Samples: (r + 1/2) / (M + 1) with r the number below y, ties half: uniform but for its steps of
    1 / (M + 1).  Quantiles: `NotApplicable`, their tails are unknown.
    """
    if record.mean is not None and record.std is not None:
        from scipy.special import ndtr

        return ndtr((record.y - record.mean) / record.std)
    if record.samples is not None:
        y = record.y[:, None]
        rank = ((record.samples < y).sum(axis=1) + (record.samples <= y).sum(axis=1)) / 2
        return (rank + 0.5) / (record.samples.shape[1] + 1)
    raise NotApplicable("quantiles leave the tails open, so y has no probability integral transform")
