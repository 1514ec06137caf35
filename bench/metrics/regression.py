"""Metrics of a predictive distribution of a real number: scores and errors."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.metrics.forecasts import gaussian, mean_of, quantile, std_of
from bench.records import Regression

Y = "units of y"


@metric(
    "crps",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    source="Gneiting and Raftery 2007, Strictly Proper Scoring Rules; fair form: Ferro 2014",
    check="metrics/crps-gaussian",
)
def crps(record: Regression) -> PerSample:
    """Mean continuous ranked probability score: the integral of (F(t) - [y <= t])^2 over t.

    Gaussian: s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (y - m) / s, exact.  Samples: mean |x - y| less half
    the mean |x - x'| over different pairs: the fair form, unbiased by the number of samples (two at least).  Quantiles:
    twice the mean pinball loss over the given levels, the weighted interval score: near the CRPS for levels that are
    many and evenly spread, and not the CRPS for others.
    """
    if record.mean is not None:
        return per_sample(_gaussian_crps(record))
    if record.quantiles is not None:
        return per_sample(2 * _pinball(record.quantiles, record))
    return per_sample(_fair_crps(record))


def _gaussian_crps(record: Regression) -> Float64s:
    from scipy.special import ndtr

    mean, std = gaussian(record)
    z = (record.y - mean) / std
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return std * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi))


def _fair_crps(record: Regression) -> Float64s:
    if record.samples is None or record.samples.shape[1] < 2:
        raise NotApplicable("one sample a forecast tells nothing of its spread")
    m = record.samples.shape[1]
    # Sum over pairs |x - x'| from one sort, centred at y so that large values lose nothing.
    x = np.sort(record.samples - record.y[:, None], axis=1)
    return np.abs(x).mean(axis=1) - x @ (2 * np.arange(m) - m + 1) / (m * (m - 1))


def _pinball(quantiles: Float64s, record: Regression) -> Float64s:
    gap = record.y[:, None] - quantiles
    levels = np.asarray(record.levels)
    return np.maximum(levels * gap, (levels - 1) * gap).mean(axis=1)


@metric(
    "pinball",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    source="Koenker and Bassett 1978, Regression Quantiles",
)
def pinball(record: Regression) -> PerSample:
    """Mean pinball loss over samples and levels: t (y - q) above the quantile q of level t, (1 - t) (q - y) below."""
    if record.quantiles is None:
        raise NotApplicable("the forecast gives no quantiles")
    return per_sample(_pinball(record.quantiles, record))


@metric(
    "gaussian-nll",
    of=Regression,
    area="likelihood",
    better="lower",
    unit="nats",
    source="negative log-density of the Gaussian forecast",
    check="metrics/crps-gaussian",
)
def gaussian_nll(record: Regression) -> PerSample:
    """Mean negative log-density of y: z^2 / 2 + log s + log(2 pi) / 2.  A density: it moves with the units of y."""
    mean, std = gaussian(record)
    z = (record.y - mean) / std
    return per_sample(z * z / 2 + np.log(std) + math.log(2 * math.pi) / 2)


@metric(
    "rmse",
    of=Regression,
    area="general",
    better="lower",
    unit=Y,
    range=(0, None),
    source="root mean squared error of the mean forecast",
)
def rmse(record: Regression) -> PerSample:
    """Root mean squared error of the forecast's mean, the point that minimises it.  Quantiles have no mean."""
    return per_sample((record.y - mean_of(record)) ** 2, link="sqrt")


@metric(
    "mae",
    of=Regression,
    area="general",
    better="lower",
    unit=Y,
    range=(0, None),
    source="mean absolute error of the median forecast",
)
def mae(record: Regression) -> PerSample:
    """Mean absolute error of the forecast's median, the point that minimises it."""
    return per_sample(np.abs(record.y - quantile(record, 0.5)))


@metric(
    "sharpness",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    source="Kuleshov, Fenner and Ermon 2018, Accurate Uncertainties for Deep Learning",
)
def sharpness(record: Regression) -> PerSample:
    """Root mean variance of the forecasts.  It never looks at y: lower is better among calibrated forecasts only."""
    return per_sample(std_of(record) ** 2, link="sqrt")
