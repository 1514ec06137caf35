from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from bench.capabilities import Machine
from bench.errors import BenchError, UsageError
from bench.examples import Examples
from bench.models.building import build
from bench.models.ensemble import ClassifierEnsemble, DensityEnsemble, RegressorEnsemble
from bench.records import Classification, log_softmax
from bench.seeds import derive
from bench.specs import parse


def made(spec: str) -> Any:
    return build(parse(spec), Machine())


def table(n: int = 90, levels: int = 0) -> Examples:
    draws = np.random.default_rng(0)
    labels = np.arange(n) % 3
    inputs = draws.integers(0, levels, (n, 4)) if levels else draws.standard_normal((n, 4)) + np.eye(4)[labels]
    return Examples(ids=np.arange(n).astype(str), inputs=inputs, targets=labels, classes=3, levels=levels)


def test_classifiers_mix_their_probabilities() -> None:
    train, x = table(), np.asarray(table().inputs)
    ensemble = made("ensemble:mlp+logistic,size=2")
    ensemble.fit(train, 5)
    answer = ensemble.classify(x)
    alone = made("mlp")
    alone.fit(train, derive(5, "member", 1))
    np.testing.assert_allclose(answer.members[:, 1], log_softmax(alone.classify(x).logits), atol=1e-12)
    np.testing.assert_allclose(answer.logits, logsumexp(answer.members, axis=1) - np.log(4), atol=1e-12)
    np.testing.assert_allclose(np.exp(answer.logits).sum(axis=1), 1)
    assert np.abs(answer.members[:, 0] - answer.members[:, 1]).max() > 1e-3  # seeds differ
    np.testing.assert_array_equal(answer.members[:, 2], answer.members[:, 3])  # logistic draws nothing
    Classification(ids=train.ids, labels=np.asarray(train.targets), logits=answer.logits, members=answer.members)


def test_densities_mix() -> None:
    train, x = table(), np.asarray(table().inputs)
    ensemble = made("ensemble:gaussian+kde")
    ensemble.fit(train, 0)
    parts = [m.density(x).log_prob for m in ensemble.members]
    np.testing.assert_allclose(ensemble.density(x).log_prob, logsumexp(parts, axis=0) - np.log(2))
    assert ensemble.density(x).likelihood == "exact"


def test_bounds_do_not_mix_with_exact_masses() -> None:
    ensemble = made("ensemble:categorical+gaussian")
    ensemble.fit(table(levels=4), 0)
    with pytest.raises(BenchError, match="one ensemble"):
        ensemble.density(np.zeros((1, 4)))
    bounds = made("ensemble:gaussian+kde")
    bounds.fit(table(levels=4), 0)
    answer = bounds.density(np.asarray(table(levels=4).inputs))
    assert (answer.likelihood, answer.dequantisation) == ("lower", "uniform")
    errors = np.stack([m.density(np.asarray(table(levels=4).inputs)).mc_error for m in bounds.members])
    assert (answer.mc_error <= errors.max(axis=0)).all()


def test_quantiles_are_averaged() -> None:
    ensemble = made("ensemble:gradient-quantile,size=2,trees=5")
    ensemble.fit(table(), 0)
    x = np.asarray(table().inputs)
    parts = [m.forecast(x).quantiles for m in ensemble.members]
    np.testing.assert_allclose(ensemble.forecast(x).quantiles, np.mean(parts, axis=0))


def test_forms_of_forecast_do_not_mix() -> None:
    ensemble = made("ensemble:bayes-ridge+gradient-quantile,size=1")
    ensemble.fit(table(), 0)
    with pytest.raises(UsageError, match="one ensemble"):
        ensemble.forecast(np.zeros((1, 4)))


def test_sizes_and_kinds() -> None:
    assert len(made("ensemble:mlp").members) == 5
    assert len(made("ensemble:mlp+logistic").members) == 2
    assert len(made("ensemble:sklearn:tree.DecisionTreeClassifier,size=3,max_depth=2").members) == 3
    for spec, kind in (
        ("mlp", ClassifierEnsemble),
        ("mlp-regressor", RegressorEnsemble),
        ("kde", DensityEnsemble),
        ("sklearn:linear_model.BayesianRidge", RegressorEnsemble),
    ):
        assert type(made(f"ensemble:{spec}")) is kind


@pytest.mark.parametrize(
    "spec",
    ["ensemble", "ensemble:mlp+kde", "ensemble:nothing", "ensemble:mlp+logistic,hidden=3", "ensemble:mlp,size=-1"],
)
def test_what_cannot_be_an_ensemble_is_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        made(spec)


def test_fingerprints_hold_the_members() -> None:
    prints = {
        str(made(s).fingerprint())
        for s in ("ensemble:mlp", "ensemble:mlp,size=3", "ensemble:mlp,epochs=3", "ensemble:logistic")
    }
    assert len(prints) == 4


def test_impossible_for_all_members_is_minus_infinity() -> None:
    from bench.estimators.weights import log_mean_exp

    mixed = log_mean_exp(np.array([[[0.0, -np.inf], [0.0, -np.inf]]]), axis=1)
    np.testing.assert_array_equal(mixed, [[0.0, -np.inf]])
