"""Metrics of a predictive distribution of a real number: scores and errors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.forecasts import mixtures, student
from bench.forecasts.forms import gaussian, mean_of, quantile, std_of
from bench.records import Regression

Y = "units of y"
BLOCK = 1 << 14  # rows


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

    Gaussian: s (z (2 Phi(z) - 1) + 2 phi(z) - 1 / sqrt(pi)), z = (y - m) / s; Student-t and mixtures of Gaussians in
    closed form too.  Samples: mean |x - y| less half
    the mean |x - x'| over different pairs: the fair form, unbiased by the number of samples (two at least).  Quantiles:
    twice the mean pinball loss over the given levels, the weighted interval score: near the CRPS for levels that are
    many and evenly spread, and not the CRPS for others.
    """
    form = record.form
    if form == "quantiles":
        return per_sample(2 * _pinball(record))
    if form == "interval":
        raise NotApplicable("an interval is no distribution; see 'interval-score'")
    closed = {"gaussian": _gaussian_crps, "student": student.crps, "mixture": mixtures.crps, "samples": _fair_crps}
    return per_sample(closed[form](record))


@metric(
    "crps-ensemble",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit=Y,
    range=(0, None),
    biased=True,
    default=False,
    source="Gneiting and Raftery 2007, Strictly Proper Scoring Rules",
    check="metrics/crps-forms",
)
def crps_ensemble(record: Regression) -> PerSample:
    """Mean CRPS of the empirical distribution of the M samples itself: mean |x - y| less half the mean over all pairs.

    Above that of the distribution that they are drawn from by E|x - x'| / (2 M); `crps` is the form without that.
    """
    if record.form != "samples" or record.samples is None:
        raise NotApplicable("the forecast gives no samples")
    return per_sample(_sample_crps(record.samples, record.y, record.samples.shape[1]))


def _gaussian_crps(record: Regression) -> Float64s:
    from scipy.special import erf

    def of(z: Float64s, std: Float64s) -> Float64s:
        found = erf(z * math.sqrt(0.5))
        found *= z
        z *= z
        z *= -0.5
        np.exp(z, out=z)
        z *= math.sqrt(2 / math.pi)
        found += z
        found -= 1 / math.sqrt(math.pi)
        found *= std
        return found

    return _by_blocks(record, of)


def _by_blocks(record: Regression, of: Callable[[Float64s, Float64s], Float64s]) -> Float64s:
    """A function of z = (y - mean) / std, which it may change, and of std, on rows that stay in a processor's cache."""
    mean, std = gaussian(record)
    out = np.empty(len(record))
    for start in range(0, len(out), BLOCK):
        rows = slice(start, start + BLOCK)
        z = record.y[rows] - mean[rows]
        z /= std[rows]
        out[rows] = of(z, std[rows])
    return out


def _fair_crps(record: Regression) -> Float64s:
    if record.samples is None or record.samples.shape[1] < 2:
        raise NotApplicable("one sample a forecast tells nothing of its spread")
    return _sample_crps(record.samples, record.y, record.samples.shape[1] - 1)


def _sample_crps(samples: Float64s, y: Float64s, others: int) -> Float64s:
    """Mean |x - y| less half of sum |x - x'| / (M others)."""
    m = samples.shape[1]
    # Sum over pairs |x - x'| from one sort, centred at y so that large values lose nothing.
    x = np.sort(samples - y[:, None], axis=1)
    return np.abs(x).mean(axis=1) - x @ (2 * np.arange(m) - m + 1) / (m * others)


def _pinball(record: Regression) -> Float64s:
    if record.quantiles is None:
        raise NotApplicable("the forecast gives no quantiles")
    gap = record.y[:, None] - record.quantiles
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
    return per_sample(_pinball(record))


@metric(
    "forecast-nll",
    of=Regression,
    area="likelihood",
    better="lower",
    unit="nats",
    source="negative log-density of the forecast",
    check="metrics/crps-forms",
)
def forecast_nll(record: Regression) -> PerSample:
    """Mean negative log-density of y under a Gaussian, Student-t or mixture forecast.

    A density: it moves with the units of y.  Samples, quantiles and intervals have none.
    """
    closed = {"gaussian": _gaussian_nll, "student": student.nll, "mixture": mixtures.nll}
    if record.form not in closed:
        raise NotApplicable(f"the form '{record.form}' has no density")
    return per_sample(closed[record.form](record))


def _gaussian_nll(record: Regression) -> Float64s:
    def of(z: Float64s, std: Float64s) -> Float64s:
        z *= z
        z *= 0.5
        z += np.log(std)
        z += math.log(2 * math.pi) / 2
        return z

    return _by_blocks(record, of)


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
    """Root mean squared error of the forecast's mean, the point that minimises it.  Quantiles have no mean.

    The squares are skewed: of 100 rows 95 % intervals hold the truth in about 90 % of cases.
    """
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
