from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.capabilities import Classifier, DensityModel, Fittable, Machine, Regressor
from bench.errors import BenchError, UsageError
from bench.examples import Examples
from bench.models.building import build
from bench.records import log_softmax
from bench.specs import parse

FACTORIES = """
import numpy as np
from sklearn.linear_model import LogisticRegression, LinearRegression, BayesianRidge
from sklearn.mixture import GaussianMixture

def unfitted(C=1.0):
    return LogisticRegression(C=C)

def fitted(C=1.0):
    x = np.random.default_rng(0).standard_normal((90, 4)) + np.eye(4)[np.arange(90) % 3]
    return LogisticRegression(C=C).fit(x, np.arange(90) % 3)

def ridge():
    x = np.random.default_rng(0).standard_normal((90, 2))
    return BayesianRidge().fit(x, x[:, 0])

def line():
    x = np.random.default_rng(0).standard_normal((90, 2))
    return LinearRegression().fit(x, x[:, 0])

def mixture():
    return GaussianMixture(2, random_state=0).fit(np.random.default_rng(0).standard_normal((90, 2)))

def words():
    x = np.random.default_rng(0).standard_normal((90, 4))
    return LogisticRegression().fit(x, np.array(["a", "b", "c"])[np.arange(90) % 3])

def nothing():
    return 3

def broken():
    raise RuntimeError("weights not found")
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("factories") / "mine.py"
    path.write_text(FACTORIES)
    return path


def made(spec: str) -> Any:
    return build(parse(spec), Machine())


def table(n: int = 120, classes: int = 3, seed: int = 0) -> Examples:
    draws = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    inputs = draws.standard_normal((n, 2, 2)) + 2 * np.eye(4)[labels].reshape(n, 2, 2)
    return Examples(ids=np.arange(n).astype(str), inputs=inputs, targets=labels, classes=classes)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("linear_model.LogisticRegression", Classifier),
        ("svm.LinearSVC", Classifier),
        ("naive_bayes.GaussianNB", Classifier),
        ("linear_model.Ridge", Regressor),
        ("gaussian_process.GaussianProcessRegressor", Regressor),
        ("mixture.GaussianMixture", DensityModel),
        ("neighbors.KernelDensity", DensityModel),
        ("decomposition.PCA", DensityModel),
    ],
)
def test_what_an_estimator_answers_follows_from_its_kind(target: str, kind: type) -> None:
    model = made(f"sklearn:{target}")
    assert [k for k in (Classifier, Regressor, DensityModel) if isinstance(model, k)] == [kind]
    assert isinstance(model, Fittable)


@pytest.mark.parametrize("target", ["cluster.KMeans", "ensemble.IsolationForest", "preprocessing.StandardScaler"])
def test_what_answers_nothing_is_refused(target: str) -> None:
    with pytest.raises(UsageError, match="cannot be evaluated"):
        made(f"sklearn:{target}")


@pytest.mark.parametrize("classes", [2, 3])
def test_linear_models_give_their_decision_function(classes: int) -> None:
    train = table(classes=classes)
    model = made("sklearn:linear_model.LogisticRegression,C=0.5")
    model.fit(train, 0)
    x = np.asarray(train.inputs)
    logits = model.classify(x).logits
    np.testing.assert_allclose(
        np.exp(log_softmax(logits)), model.estimator.predict_proba(x.reshape(len(x), -1)), atol=1e-12
    )
    assert np.abs(np.log(np.exp(logits).sum(axis=1))).max() > 0.1  # not normalised: its energy means something


def test_trees_give_clipped_log_probabilities() -> None:
    train = table()
    model = made("sklearn:tree.DecisionTreeClassifier,max_depth=9")
    model.fit(train, 0)
    logits = model.classify(np.asarray(train.inputs)).logits
    assert logits.min() == np.log(1e-12)
    assert np.isfinite(logits).all()


def test_one_against_one_margins_are_not_taken_for_logits() -> None:
    model = made("sklearn:svm.SVC,decision_function_shape=ovo")
    train = table(classes=4)
    model.fit(train, 0)
    with pytest.raises(BenchError, match="no logits"):
        model.classify(np.asarray(train.inputs))


def test_unseeded_estimators_follow_the_seed_and_seeded_ones_do_not() -> None:
    train, x = table(), np.asarray(table(seed=1).inputs)

    def answer(spec: str, seed: int) -> np.ndarray:
        model = made(spec)
        model.fit(train, seed)
        return np.asarray(model.classify(x).logits)

    free, fixed = (
        "sklearn:ensemble.ExtraTreesClassifier,n_estimators=5",
        "sklearn:ensemble.ExtraTreesClassifier,n_estimators=5,random_state=7",
    )
    np.testing.assert_array_equal(answer(free, 1), answer(free, 1))
    assert (answer(free, 1) != answer(free, 2)).any()
    np.testing.assert_array_equal(answer(fixed, 1), answer(fixed, 2))


def test_factories_from_a_file(file: Path) -> None:
    assert isinstance(made(f"sklearn:{file}:unfitted,C=0.1"), Fittable)
    fitted = made(f"sklearn:{file}:fitted")
    assert not isinstance(fitted, Fittable)
    assert fitted.classify(np.zeros((2, 4))).logits.shape == (2, 3)
    assert not isinstance(made(f"sklearn:{file}:ridge"), Fittable)
    np.testing.assert_allclose(made(f"sklearn:{file}:ridge").forecast(np.array([[1.0, 0.0]])).mean, 1.0, atol=0.01)
    assert made(f"sklearn:{file}:mixture").density(np.zeros((2, 2))).likelihood == "exact"
    assert isinstance(made("sklearn:sklearn.linear_model:LogisticRegression,C=2"), Fittable)


def test_fingerprints_follow_parameters_and_state(file: Path) -> None:
    specs = ["unfitted", "unfitted,C=2", "fitted", "fitted,C=2"]
    prints = [str(made(f"sklearn:{file}:{s}").fingerprint()) for s in specs]
    assert len(set(prints)) == 4
    assert prints == [str(made(f"sklearn:{file}:{s}").fingerprint()) for s in specs]


@pytest.mark.parametrize(
    ("target", "match"),
    [
        ("linear_model.LogisticRegresion", "no estimator"),
        ("nothing_here.Model", "cannot be imported"),
        ("linear_model.LogisticRegression,c=1", "no parameter 'c'"),
        ("linear_model:LogisticRegression", "cannot be imported"),
        ("FILE:fited", "no function"),
        ("FILE:nothing", "no estimator"),
        ("FILE:broken", "failed"),
        ("FILE:line", "cannot be evaluated"),
        ("FILE:unfitted,depth=3", "does not take these parameters"),
        ("missing.py:f", "not found"),
        ("FILE:", "no function"),
    ],
)
def test_what_cannot_be_made_says_why(target: str, match: str, file: Path) -> None:
    with pytest.raises(BenchError, match=match):
        made("sklearn:" + target.replace("FILE", str(file)))


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        made("sklearn:linear_model.LogisticRegresion")
    assert caught.value.fix == "did you mean 'LogisticRegression'?"


def test_classes_that_are_no_numbers_are_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="no class numbers"):
        made(f"sklearn:{file}:words").classify(np.zeros((1, 4)))
