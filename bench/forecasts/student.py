"""The Student-t distribution of a forecast: location, scale and degrees of freedom, each (n,)."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.records import Regression


def parameters(record: Regression) -> tuple[Float64s, Float64s, Float64s]:
    """Location, scale and degrees of freedom, (n,) each; `NotApplicable` for a forecast of another form."""
    if record.location is None or record.scale is None or record.df is None:
        raise NotApplicable("the forecast is no Student-t")
    return record.location, record.scale, record.df


def mean(record: Regression) -> Float64s:
    """Mean, (n,); `NotApplicable` where some row has df <= 1, and so none."""
    location, _, df = parameters(record)
    if (df <= 1).any():
        raise NotApplicable("a Student-t with df <= 1 has no mean")
    return location


def std(record: Regression) -> Float64s:
    """Standard deviation scale * sqrt(df / (df - 2)), (n,); `NotApplicable` where some row has df <= 2."""
    _, scale, df = parameters(record)
    if (df <= 2).any():
        raise NotApplicable("a Student-t with df <= 2 has no standard deviation")
    return scale * np.sqrt(df / (df - 2))


def cdf(record: Regression) -> Float64s:
    """F(y), (n,)."""
    from scipy.special import stdtr

    location, scale, df = parameters(record)
    return stdtr(df, (record.y - location) / scale)


def quantile(record: Regression, level: float) -> Float64s:
    """Quantile of that level, (n,)."""
    from scipy.special import stdtrit

    location, scale, df = parameters(record)
    return location + scale * stdtrit(df, level)


def nll(record: Regression) -> Float64s:
    """Negative log-density of y, (n,), nats."""
    location, scale, df = parameters(record)
    return np.log(scale) - _log_density((record.y - location) / scale, df)


def crps(record: Regression) -> Float64s:
    """CRPS in closed form, (n,): Jordan, Krueger and Lerch 2019, Evaluating Probabilistic Forecasts.

    With z = (y - location) / scale, v = df: scale times z (2 F(z) - 1) + 2 f(z) (v + z^2) / (v - 1)
    - 2 sqrt(v) / (v - 1) * B(1/2, v - 1/2) / B(1/2, v/2)^2.  `NotApplicable` where some row has df <= 1: it is
    infinite.
    """
    from scipy.special import betaln, stdtr

    location, scale, df = parameters(record)
    if (df <= 1).any():
        raise NotApplicable("the CRPS of a Student-t with df <= 1 is infinite")
    z = (record.y - location) / scale
    # f(z) (v + z^2) in logarithms: z^2 may overflow where the product does not.
    tail = np.exp(_log_density(z, df) + np.log(df) + 2 * np.log(np.hypot(1.0, z / np.sqrt(df))))
    spread = np.sqrt(df) * np.exp(betaln(0.5, df - 0.5) - 2 * betaln(0.5, df / 2))
    return scale * (z * (2 * stdtr(df, z) - 1) + 2 * (tail - spread) / (df - 1))


def _log_density(z: Float64s, df: Float64s) -> Float64s:
    from scipy.special import betaln

    # log(1 + z^2 / df) by hypot: z^2 may overflow where its logarithm does not.
    log_tail = 2 * np.log(np.hypot(1.0, z / np.sqrt(df)))
    return -0.5 * (df + 1) * log_tail - 0.5 * np.log(df) - betaln(0.5, df / 2)
