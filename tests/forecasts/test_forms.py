"""Forecasts of every form against scoringrules, scipy and quadrature, at common and at extreme values."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench.components import NotApplicable
from bench.errors import RecordError
from bench.forecasts import mixtures, student
from bench.forecasts.forms import central, mean_of, pit, promised, quantile, std_of
from bench.metrics.regression import crps, crps_ensemble, forecast_nll
from bench.records import Regression
from tests.metrics.cases import FORMS, ids, regression


def test_student_scores_against_peers() -> None:
    record = regression("student", 200)
    assert record.df is not None
    assert record.location is not None
    assert record.scale is not None
    of = stats.t(record.df, record.location, record.scale)
    np.testing.assert_allclose(
        crps(record).values, scoringrules.crps_t(record.y, record.df, record.location, record.scale), rtol=1e-9
    )
    np.testing.assert_allclose(forecast_nll(record).values, -of.logpdf(record.y), rtol=1e-10)
    np.testing.assert_allclose(pit(record), of.cdf(record.y), rtol=1e-9)
    np.testing.assert_allclose(mean_of(record), of.mean())
    np.testing.assert_allclose(std_of(record), of.std())
    np.testing.assert_allclose(quantile(record, 0.03), of.ppf(0.03), rtol=1e-8)


def test_mixture_scores_against_peers() -> None:
    record = regression("mixture", 200)
    m, s, w = mixtures.parameters(record)
    np.testing.assert_allclose(crps(record).values, scoringrules.crps_mixnorm(record.y, m, s, w), rtol=1e-9)
    density = (w * stats.norm.pdf(record.y[:, None], m, s)).sum(axis=1)
    np.testing.assert_allclose(forecast_nll(record).values, -np.log(density), rtol=1e-10)
    np.testing.assert_allclose(pit(record), (w * stats.norm.cdf(record.y[:, None], m, s)).sum(axis=1), rtol=1e-10)
    np.testing.assert_allclose(std_of(record) ** 2, (w * (s**2 + m**2)).sum(axis=1) - mean_of(record) ** 2, rtol=1e-10)


@pytest.mark.parametrize("form", ["gaussian", "student", "mixture"])
@settings(max_examples=25, deadline=None)
@given(st.floats(1e-6, 1 - 1e-6), st.integers(0, 99))
def test_quantiles_invert_the_cdf(form: str, level: float, seed: int) -> None:
    record = regression(form, 5, seed)
    from dataclasses import replace

    at = replace(record, y=quantile(record, level))
    np.testing.assert_allclose(pit(at), level, rtol=1e-7)


def test_one_component_is_a_gaussian() -> None:
    record = regression("gaussian", 50)
    assert record.mean is not None
    assert record.std is not None
    one = Regression(
        ids=record.ids,
        y=record.y,
        mixture_means=np.stack([record.mean, record.mean + 9], axis=1),
        mixture_stds=np.stack([record.std, record.std], axis=1),
        mixture_weights=np.tile([1.0, 0.0], (50, 1)),
    )
    for function in (crps, forecast_nll):
        np.testing.assert_allclose(function(one).values, function(record).values, rtol=1e-9)
    np.testing.assert_allclose(quantile(one, 0.2), quantile(record, 0.2), rtol=1e-12)


def test_a_student_t_of_many_degrees_nears_a_gaussian() -> None:
    record = regression("gaussian", 50)
    wide = Regression(ids=record.ids, y=record.y, location=record.mean, scale=record.std, df=np.full(50, 1e7))
    np.testing.assert_allclose(crps(wide).values, crps(record).values, rtol=1e-5)
    np.testing.assert_allclose(forecast_nll(wide).values, forecast_nll(record).values, rtol=1e-5)


@pytest.mark.parametrize("y", [0.0, 1e8, -1e300])
def test_far_outcomes_lose_nothing(y: float) -> None:
    far = Regression(ids=ids(1), y=np.array([y]), location=np.zeros(1), scale=np.ones(1), df=np.full(1, 3.0))
    assert forecast_nll(far).values[0] == pytest.approx(-stats.t.logpdf(min(abs(y), 1e100), 3) + 4 * max(
        0.0, np.log(max(abs(y), 1.0)) - np.log(1e100)
    ), rel=1e-10)  # fmt: skip
    # Beyond all its mass the CRPS is the distance less half of E |x - x'|.
    if y:
        assert crps(far).values[0] == pytest.approx(abs(y), rel=1e-7)
    parts = Regression(
        ids=ids(1),
        y=np.array([1e4]),
        mixture_means=np.zeros((1, 2)),
        mixture_stds=np.ones((1, 2)),
        mixture_weights=np.full((1, 2), 0.5),
    )
    assert forecast_nll(parts).values[0] == pytest.approx(0.5e8 + 0.5 * np.log(2 * np.pi))


def test_moments_that_do_not_exist_are_not_made_up() -> None:
    for df, missing in ((0.8, (student.mean, student.std, student.crps)), (1.5, (student.std,))):
        record = Regression(ids=ids(1), y=np.zeros(1), location=np.zeros(1), scale=np.ones(1), df=np.array([df]))
        for function in missing:
            with pytest.raises(NotApplicable):
                function(record)


def test_samples_in_the_form_that_is_not_fair() -> None:
    record = regression("samples", 60)
    np.testing.assert_allclose(
        crps_ensemble(record).values, scoringrules.crps_ensemble(record.y, record.samples, estimator="nrg"), rtol=1e-9
    )
    assert (crps_ensemble(record).values > crps(record).values).all()


def test_intervals_say_nothing_beyond_themselves() -> None:
    record = regression("interval")
    low, high, level = promised(record)
    assert level == 0.8
    np.testing.assert_array_equal(central(record, 0.8)[0], low)
    np.testing.assert_array_equal(central(record, 0.8)[1], high)
    for function in (mean_of, std_of, pit, crps, forecast_nll, central):
        with pytest.raises(NotApplicable):
            function(record)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_names_itself_and_survives_its_rows(form: str) -> None:
    record = regression(form)
    assert record.form == form
    again = Regression.from_rows(list(record.rows()), record.attribute_values())
    assert again.form == form
    assert again.level == record.level


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"location": [0.0], "scale": [1.0]}, "'df' is missing"),
        ({"location": [0.0], "scale": [0.0], "df": [3.0]}, "column 'scale', row 0"),
        ({"mixture_means": [[0.0]], "mixture_stds": [[1.0]], "mixture_weights": [[0.9]]}, "sum to 1"),
        ({"mixture_means": [[0.0]], "mixture_stds": [[1.0, 1]], "mixture_weights": [[1.0]]}, "differ in width"),
        ({"mixture_means": [[0.0, 1]], "mixture_stds": [[1.0, 1]], "mixture_weights": [[1.5, -0.5]]}, "at least 0"),
        ({"lower": [0.0], "upper": [1.0]}, "'level' is 0"),
        ({"lower": [0.0], "upper": [-1.0], "level": 0.9}, "column 'upper', row 0"),
        ({"lower": [np.nan], "upper": [1.0], "level": 0.9}, "column 'lower', row 0"),
        ({"quantiles": [[0.0, 1]], "levels": (0.1, 0.9), "member_quantiles": [[[0.0], [1.0]]]}, "1 quantiles for 2"),
    ],
)
def test_wrong_forecasts_are_refused(columns: dict[str, object], words: str) -> None:
    with pytest.raises(RecordError) as caught:
        Regression(ids=ids(1), y=np.zeros(1), **columns)  # type: ignore[arg-type]
    assert words in str(caught.value)
