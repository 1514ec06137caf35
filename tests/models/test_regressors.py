from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge, QuantileRegressor
from sklearn.preprocessing import StandardScaler

from bench.capabilities import Machine, Regressor
from bench.errors import UsageError
from bench.examples import Examples
from bench.models.building import build
from bench.specs import parse
from bench.tasks.uncertainty.diabetes import uncertainty_diabetes

SPECS = (
    "bayes-ridge",
    "gradient-quantile,trees=10",
    "mlp-regressor,epochs=3",
    "ensemble:mlp-regressor,size=2,epochs=3",
)


@pytest.fixture(scope="module")
def diabetes() -> Examples:
    return uncertainty_diabetes(0)


def fitted(spec: str, train: Examples, seed: int = 0) -> Any:
    model = build(parse(spec), Machine())
    assert isinstance(model, Regressor)
    model.fit(train, seed)  # type: ignore[attr-defined]
    return model


def line(n: int = 400, spread: float = 0.5, seed: int = 0) -> Examples:
    draws = np.random.default_rng(seed)
    x = draws.uniform(-1, 1, (n, 1))
    return Examples(ids=np.arange(n).astype(str), inputs=x, targets=3 * x[:, 0] + spread * draws.standard_normal(n))


@pytest.mark.parametrize("spec", SPECS)
def test_answers_do_not_depend_on_the_batch_and_fits_repeat(spec: str, diabetes: Examples) -> None:
    train, x = diabetes.split("train"), np.asarray(diabetes.split("test").inputs)[:64]
    model, again = fitted(spec, train, 1), fitted(spec, train, 1)
    for name in ("mean", "std", "quantiles", "member_means", "member_stds"):
        whole = getattr(model.forecast(x), name)
        if whole is not None:
            parts = np.concatenate([getattr(model.forecast(x[i : i + 1]), name) for i in range(64)])
            np.testing.assert_allclose(parts, whole, rtol=1e-9)
            np.testing.assert_array_equal(getattr(again.forecast(x), name), whole)


@pytest.mark.parametrize("spec", ["bayes-ridge", "mlp-regressor", "ensemble:mlp-regressor,size=3"])
def test_they_beat_the_marginal_gaussian(spec: str, diabetes: Examples) -> None:
    train, test = diabetes.split("train"), diabetes.split("test")
    f = fitted(spec, train).forecast(np.asarray(test.inputs))
    y, known = np.asarray(test.targets), np.asarray(train.targets)
    loss = np.log(f.std) + 0.5 * ((y - f.mean) / f.std) ** 2
    marginal = np.log(known.std()) + 0.5 * ((y - known.mean()) / known.std()) ** 2
    assert loss.mean() < marginal.mean() - 0.1


def test_bayes_ridge_agrees_with_scikit_learn(diabetes: Examples) -> None:
    train, x = diabetes.split("train"), np.asarray(diabetes.split("test").inputs)
    scale = StandardScaler().fit(np.asarray(train.inputs))
    peer = BayesianRidge().fit(scale.transform(np.asarray(train.inputs)), train.targets)
    mean, std = peer.predict(scale.transform(x), return_std=True)
    f = fitted("bayes-ridge", train).forecast(x)
    np.testing.assert_allclose(f.mean, mean)
    np.testing.assert_allclose(f.std, std)


def test_a_network_finds_the_spread_of_the_noise() -> None:
    f = fitted("mlp-regressor,decay=0.1", line(2000)).forecast(np.linspace(-0.9, 0.9, 50)[:, None])
    # 2,000 samples and 40 epochs: a tenth of the deviation covers the estimation error of mean and spread.
    np.testing.assert_allclose(f.mean, 3 * np.linspace(-0.9, 0.9, 50), atol=0.2)
    np.testing.assert_allclose(f.std, 0.5, atol=0.1)


def test_quantiles_are_in_order_and_near_the_truth() -> None:
    model = fitted("gradient-quantile", line(3000))
    x = np.linspace(-0.9, 0.9, 40)[:, None]
    f = model.forecast(x)
    assert f.levels == (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
    assert (np.diff(f.quantiles, axis=1) >= 0).all()
    test = line(4000, seed=1)
    below = np.asarray(test.targets)[:, None] <= model.forecast(np.asarray(test.inputs)).quantiles
    np.testing.assert_allclose(below.mean(axis=0), f.levels, atol=0.04)


def test_crossing_quantiles_are_sorted() -> None:
    from bench.models.sklearn import QuantileAdapter

    class Fixed:
        def __init__(self, value: float) -> None:
            self.value = value

        def predict(self, rows: np.ndarray) -> np.ndarray:
            return np.full(len(rows), self.value)

    model = QuantileAdapter(None, {}, levels=(0.1, 0.5, 0.9), fitted=(Fixed(2.0), Fixed(1.0), Fixed(3.0)))
    np.testing.assert_array_equal(model.forecast(np.zeros((1, 1))).quantiles, [[1.0, 2.0, 3.0]])


def test_a_quantile_regressor_of_scikit_learn(diabetes: Examples) -> None:
    train, x = diabetes.split("train"), np.asarray(diabetes.split("test").inputs)
    f = fitted("sklearn:linear_model.QuantileRegressor,alpha=0", train).forecast(x)
    median = QuantileRegressor(alpha=0, quantile=0.5).fit(np.asarray(train.inputs), train.targets).predict(x)
    assert f.quantiles is not None
    assert np.abs(np.abs(f.quantiles - median[:, None]).min(axis=1)).max() < 1e-6


def test_a_plain_regressor_gets_the_spread_of_held_out_errors() -> None:
    f = fitted("sklearn:linear_model.LinearRegression", line(4000)).forecast(np.zeros((3, 1)))
    # 800 held-out errors give the deviation to 1 / sqrt(1600) = 2.5 %; 4 of these are allowed.
    np.testing.assert_allclose(f.std, 0.5, rtol=0.1)
    assert np.ptp(f.std) == 0


def test_a_regressor_that_gives_its_spread_keeps_it(diabetes: Examples) -> None:
    f = fitted("sklearn:linear_model.BayesianRidge", diabetes.split("train")).forecast(
        np.asarray(diabetes.split("test").inputs)
    )
    assert np.ptp(f.std) > 0


@pytest.mark.parametrize("spec", ["bayes-ridge", "mlp-regressor", "gradient-quantile"])
def test_nothing_to_fit_is_an_error(spec: str) -> None:
    with pytest.raises(UsageError, match="cannot be fitted"):
        fitted(spec, line().take(np.arange(2)))
