"""A forecast of a real number against the exact forecast, a Gaussian, where a task knows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.forecasts.forms import mean_of
from bench.metrics.regression import forecast_nll
from bench.records import Regression

CHECK = "uncertainty/exact-forecast"
NODES = 32


@metric(
    "kl-to-exact",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit="nats",
    range=(0, None),
    source="Kullback and Leibler 1951; Gauss-Hermite quadrature",
    check=CHECK,
)
def kl_to_exact(record: Regression) -> PerSample:
    """Mean KL(exact || forecast): what a forecast's expected NLL has above the least that any can reach.

    By 32 nodes under the exact Gaussian: to rounding for a Gaussian forecast; for a mixture of components a tenth as
    wide as the exact forecast to .0002 nats in the mean, and to .04 for a single sample.
    """
    mean, std = _exact(record)
    at, weight = np.polynomial.hermite_e.hermegauss(NODES)
    share = weight / weight.sum()
    surprise = [share[k] * forecast_nll(replace(record, y=mean + std * at[k])).values for k in range(NODES)]
    entropy = 0.5 * np.log(2 * np.pi * np.e * std**2)
    return per_sample(np.maximum(np.sum(surprise, axis=0) - entropy, 0.0))


@metric(
    "mean-to-exact",
    of=Regression,
    area="uncertainty",
    better="lower",
    unit="units of y",
    range=(0, None),
    source="mean absolute difference of two means",
    check=CHECK,
)
def mean_to_exact(record: Regression) -> PerSample:
    """Mean absolute difference of the forecast's mean from the exact one."""
    return per_sample(np.abs(mean_of(record) - _exact(record)[0]))


def _exact(record: Regression) -> tuple[Float64s, Float64s]:
    if record.exact_mean is None or record.exact_std is None:
        raise NotApplicable("the exact forecast is not known: the record has no 'exact_mean' and 'exact_std'")
    return record.exact_mean, record.exact_std
