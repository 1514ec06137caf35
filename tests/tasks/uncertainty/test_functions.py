"""Functions of a known prior, asked about by models of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.capabilities import Forecast
from bench.errors import RecordError, UsageError
from bench.metrics.exact import kl_to_exact, mean_to_exact
from bench.records import Regression
from bench.references import functions
from bench.tasks.uncertainty.functions import ask, uncertainty_functions


class Prior:
    """Forecasts without a look at the values."""

    def forecast(self, inputs: Any) -> Forecast:
        deviation = np.sqrt(1 + functions.NOISE**2)
        return Forecast(mean=np.zeros(len(inputs)), std=np.full(len(inputs), deviation))


def test_the_prior_is_exact_where_nothing_is_seen_and_worse_the_more_is() -> None:
    def divergence(context: int) -> float:
        test = uncertainty_functions(0, context).split("test")
        record = ask(Prior(), None, test, 0, {"ids": test.ids})
        assert isinstance(record, Regression)
        return float(kl_to_exact(record).values.mean())

    none, few, many = (divergence(n) for n in (0, 2, 12))
    assert none == pytest.approx(0, abs=1e-12)
    assert 0.1 < few < many


def test_rows_come_apart_as_they_were_laid() -> None:
    x, y = functions.functions(4, 6, np.random.default_rng(0))
    parts = functions.parted(functions.laid(x[:, :5], y[:, :5], x[:, 5]))
    for found, given in zip(parts, (x[:, :5], y[:, :5], x[:, 5]), strict=True):
        np.testing.assert_array_equal(found, given)


def test_functions_have_the_covariance_of_the_prior() -> None:
    x, y = functions.functions(200_000, 2, np.random.default_rng(0))
    near = np.abs(x[:, 0] - x[:, 1]) < 0.1
    expected = np.exp(-((x[near, 0] - x[near, 1]) ** 2) / (2 * functions.LENGTH**2)).mean()
    assert (y[near, 0] * y[near, 1]).mean() == pytest.approx(expected, abs=0.04)
    assert y.var() == pytest.approx(1 + functions.NOISE**2, abs=0.02)


def test_an_exact_forecast_must_have_a_spread() -> None:
    columns: dict[str, Any] = {"ids": np.array(["a"]), "y": np.zeros(1), "mean": np.zeros(1), "std": np.ones(1)}
    with pytest.raises(RecordError, match="exact_std"):
        Regression(**columns, exact_mean=np.zeros(1), exact_std=np.zeros(1))
    with pytest.raises(UsageError, match="exact forecast is not known"):
        mean_to_exact(Regression(**columns))
    with pytest.raises(UsageError, match="context is"):
        uncertainty_functions(0, 65)
