"""The mixture of K Gaussians of a forecast: means, standard deviations and weights, each (n, K)."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.records import Regression

PASSES = 200  # halvings of the bracket of a quantile; the last ones change nothing in float64


def parameters(record: Regression) -> tuple[Float64s, Float64s, Float64s]:
    """Means, standard deviations and weights, (n, K) each; `NotApplicable` for a forecast of another form."""
    if record.mixture_means is None or record.mixture_stds is None or record.mixture_weights is None:
        raise NotApplicable("the forecast is no mixture of Gaussians")
    return record.mixture_means, record.mixture_stds, record.mixture_weights


def mean(record: Regression) -> Float64s:
    """Mean, (n,)."""
    means, _, weights = parameters(record)
    return (weights * means).sum(axis=1)


def std(record: Regression) -> Float64s:
    """Standard deviation by the law of total variance, (n,)."""
    means, stds, weights = parameters(record)
    centre = (weights * means).sum(axis=1, keepdims=True)
    return np.sqrt((weights * (stds**2 + (means - centre) ** 2)).sum(axis=1))


def cdf(record: Regression) -> Float64s:
    """F(y), (n,)."""
    return _cdf(record.y, *parameters(record))


def quantile(record: Regression, level: float) -> Float64s:
    """Quantile of that level, (n,), by bisection between the components' own quantiles, to the last digits."""
    from scipy.special import ndtri

    means, stds, weights = parameters(record)
    each = np.where(weights > 0, means + stds * ndtri(level), np.nan)
    low, high = np.nanmin(each, axis=1), np.nanmax(each, axis=1)
    for _ in range(PASSES):
        middle = low + (high - low) / 2
        below = _cdf(middle, means, stds, weights) < level
        if ((middle == low) | (middle == high)).all():
            break
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return low + (high - low) / 2


def nll(record: Regression) -> Float64s:
    """Negative log-density of y, (n,), nats; by a shifted log-sum-exp, so a far y loses nothing."""
    means, stds, weights = parameters(record)
    z = (record.y[:, None] - means) / stds
    with np.errstate(divide="ignore"):
        terms = np.log(weights) - np.log(stds) - z * z / 2 - 0.5 * math.log(2 * math.pi)
    top = terms.max(axis=1, keepdims=True)
    return -(np.log(np.exp(terms - top).sum(axis=1)) + top[:, 0])


def crps(record: Regression) -> Float64s:
    """CRPS in closed form, (n,): Grimit et al. 2006, The continuous ranked probability score for circular variables.

    Sum of w_i A(y - m_i, s_i^2) less half the sum of w_i w_j A(m_i - m_j, s_i^2 + s_j^2), A(m, v) = E |N(m, v)|.
    One component at a time: memory stays that of the forecasts.
    """
    means, stds, weights = parameters(record)
    total = (weights * _absolute(record.y[:, None] - means, stds)).sum(axis=1)
    for i in range(means.shape[1]):
        pairs = _absolute(means[:, i : i + 1] - means, np.hypot(stds[:, i : i + 1], stds))
        total -= 0.5 * weights[:, i] * (weights * pairs).sum(axis=1)
    return total


def _cdf(x: Float64s, means: Float64s, stds: Float64s, weights: Float64s) -> Float64s:
    from scipy.special import ndtr

    return np.clip((weights * ndtr((x[:, None] - means) / stds)).sum(axis=1), 0.0, 1.0)


def _absolute(means: Float64s, stds: Float64s) -> Float64s:
    """E |X| for X ~ N(mean, std^2)."""
    from scipy.special import erf

    z = means / stds
    return stds * math.sqrt(2 / math.pi) * np.exp(-z * z / 2) + means * erf(z / math.sqrt(2))
