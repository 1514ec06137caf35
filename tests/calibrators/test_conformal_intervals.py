from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.calibrators.conformal_intervals import conformal_normalised, conformal_quantile, conformal_residual
from bench.components import NotApplicable
from bench.forecasts.forms import central
from bench.records import Regression
from tests.metrics.cases import ids, regression


def drawn(seed: int, n: int) -> Regression:
    rng = np.random.default_rng(seed)
    mean, spread = rng.normal(size=n), rng.uniform(0.5, 2, n)
    return Regression(ids=ids(n), y=mean + spread * rng.standard_t(4, n), mean=mean, std=0.8 * spread)


FIT, TEST = drawn(0, 120), drawn(1, 200)


def ends(record: Regression) -> np.ndarray:
    assert record.form == "interval"
    return np.stack([record.lower, record.upper], axis=1)  # type: ignore[list-item]


def test_residual_and_normalised_intervals_against_crepes() -> None:
    from crepes import ConformalRegressor

    # The peer takes int((1 - confidence) (n + 1)) in floating point, which is one too few where that is a whole number.
    plain = ConformalRegressor().fit(FIT.y - FIT.mean)  # type: ignore[operator]
    np.testing.assert_allclose(
        ends(conformal_residual(FIT).apply(TEST)), plain.predict_int(TEST.mean, confidence=0.9), rtol=1e-10
    )
    scaled = ConformalRegressor().fit(FIT.y - FIT.mean, sigmas=FIT.std)  # type: ignore[operator]
    np.testing.assert_allclose(
        ends(conformal_normalised(FIT).apply(TEST)),
        scaled.predict_int(TEST.mean, sigmas=TEST.std, confidence=0.9),
        rtol=1e-10,
    )


def test_quantile_intervals_by_their_definition() -> None:
    found = conformal_quantile(FIT).apply(TEST)
    low, high = central(FIT)
    score = np.sort(np.maximum(low - FIT.y, FIT.y - high))[109 - 1]
    low, high = central(TEST)
    np.testing.assert_allclose(ends(found), np.stack([low - score, high + score], axis=1))
    assert found.level == 0.9


@pytest.mark.parametrize("method", [conformal_residual, conformal_normalised, conformal_quantile])
@pytest.mark.parametrize("alpha", [0.1, 0.4])
def test_intervals_keep_their_promise(method: object, alpha: float) -> None:
    n, shares = 60, []
    for seed in range(80):
        record = method(drawn(2 * seed + 10, n), alpha).apply(drawn(2 * seed + 11, 150))  # type: ignore[operator]
        shares.append(((record.lower <= record.y) & (record.y <= record.upper)).mean())
    truth = math.ceil((n + 1) * (1 - alpha)) / (n + 1)
    assert abs(np.mean(shares) - truth) <= 4.5 * np.std(shares, ddof=1) / math.sqrt(80)


@pytest.mark.parametrize("form", ["gaussian", "student", "mixture", "quantiles", "samples", "interval"])
def test_each_form_gets_the_intervals_that_it_can(form: str) -> None:
    record = regression(form, 60)
    if form == "interval":
        calibrated = conformal_quantile(record, 0.2).apply(record)
    else:
        calibrated = conformal_residual(record).apply(record)
    assert calibrated.form == "interval"
    assert calibrated.levels == ()


def test_quantiles_that_do_not_reach_are_not_applicable() -> None:
    inner = Regression(ids=ids(20), y=np.zeros(20), quantiles=np.zeros((20, 3)), levels=(0.25, 0.5, 0.75))
    with pytest.raises(NotApplicable):
        conformal_quantile(inner)
    assert conformal_quantile(inner, 0.5).parameters["threshold"] == 0
    with pytest.raises(NotApplicable):
        conformal_normalised(inner)


def test_forecasts_too_wide_shrink_and_never_cross() -> None:
    assert FIT.mean is not None
    wide = replace(FIT, y=FIT.mean, std=np.linspace(0.1, 5, 120))
    found = ends(conformal_quantile(wide).apply(wide))
    assert (found[:, 0] <= found[:, 1]).all()
    low, high = central(wide)
    assert (found[:, 1] - found[:, 0] <= high - low).all()


def test_too_few_rows_have_no_end() -> None:
    found = conformal_normalised(FIT.take(np.arange(8)))
    assert found.parameters == {"alpha": 0.1, "n": 8, "rank": 9, "threshold": None}
    assert np.isinf(ends(found.apply(TEST))).all()
