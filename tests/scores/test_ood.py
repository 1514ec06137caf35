from dataclasses import replace

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.neighbors import NearestNeighbors

from bench.components import NotApplicable, Score
from bench.records import Classification
from bench.registry import components
from bench.scores.neighbours import knn
from bench.scores.ood import energy, mahalanobis, max_logit, msp, relative_mahalanobis


def record(n: int = 60, d: int = 5, classes: int = 3, seed: int = 0, shift: float = 0.0) -> Classification:
    draws = np.random.default_rng(seed)
    labels = draws.integers(0, classes, n)
    features = draws.standard_normal((n, d)) + 2 * labels[:, None] + shift
    return Classification(
        ids=np.arange(n).astype(str), labels=labels, logits=draws.standard_normal((n, classes)), features=features
    )


def without_features(r: Classification) -> Classification:
    return Classification(ids=r.ids, labels=r.labels, logits=r.logits)


def test_logit_scores_agree_with_scipy() -> None:
    from scipy.special import logsumexp, softmax

    r = record()
    np.testing.assert_allclose(msp(r), 1 - softmax(r.logits, axis=1).max(axis=1), atol=1e-14)
    np.testing.assert_allclose(energy(r), -logsumexp(r.logits, axis=1), rtol=1e-13)
    np.testing.assert_array_equal(max_logit(r), -r.logits.max(axis=1))


def test_msp_keeps_its_order_where_the_maximum_rounds_to_one() -> None:
    logits = np.array([[0.0, 40.0], [0.0, 50.0], [0.0, 60.0]])
    r = Classification(ids=np.array(["a", "b", "c"]), labels=np.zeros(3, int), logits=logits)
    assert (np.diff(msp(r)) < 0).all()


def test_energy_of_normalised_log_probabilities_is_not_applicable() -> None:
    r = record()
    normal = Classification(ids=r.ids, labels=r.labels, logits=r.log_probs)
    with pytest.raises(NotApplicable, match="normalised"):
        energy(normal)


def test_mahalanobis_agrees_with_scikit_learns_covariance() -> None:
    train, test = record(200), record(seed=1)
    assert train.features is not None
    assert test.features is not None
    x, points = train.features.astype(float), test.features.astype(float)
    means = np.stack([x[train.labels == c].mean(axis=0) for c in range(3)])
    inverse = np.linalg.inv(ledoit_wolf(x - means[train.labels], assume_centered=True)[0])
    gap = points[:, None] - means
    nearest = np.einsum("ncd,de,nce->nc", gap, inverse, gap).min(axis=1)
    np.testing.assert_allclose(mahalanobis(test, train), nearest, rtol=1e-9)
    whole = points - x.mean(axis=0)
    background = np.linalg.inv(ledoit_wolf(x)[0])
    np.testing.assert_allclose(
        relative_mahalanobis(test, train), nearest - np.einsum("nd,de,ne->n", whole, background, whole), rtol=1e-8
    )


def test_knn_agrees_with_scikit_learn() -> None:
    train, test = record(200), record(seed=1)
    assert train.features is not None
    assert test.features is not None
    unit = [f / np.linalg.norm(f, axis=1, keepdims=True) for f in (train.features.astype(float), test.features)]
    expected = NearestNeighbors(n_neighbors=10).fit(unit[0]).kneighbors(unit[1])[0][:, -1]
    np.testing.assert_allclose(knn(test, train), expected, atol=1e-7)


def test_ood_training_rows_are_not_fitted_on() -> None:
    train, test, strange = record(200), record(seed=1), record(50, seed=2, shift=500.0)
    inside = replace(train, ood=np.zeros(200, dtype=bool))
    outside = replace(strange, ids=np.char.add("x", strange.ids), labels=np.full(50, -1), ood=np.ones(50, dtype=bool))
    mixed = Classification.concatenate([inside, outside])
    for score in (mahalanobis, relative_mahalanobis, knn):
        np.testing.assert_allclose(score(test, mixed), score(test, train))


@pytest.mark.parametrize("score", [mahalanobis, relative_mahalanobis, knn])
def test_feature_scores_need_features_and_rows(score: object) -> None:
    train, test = record(), record(seed=1)
    assert callable(score)
    with pytest.raises(NotApplicable, match="features"):
        score(without_features(test), train)
    with pytest.raises(NotApplicable, match="features"):
        score(test, without_features(train))
    with pytest.raises(NotApplicable, match="fewer"):
        score(test, train.take(np.array([0])))


def test_higher_is_more_suspicious() -> None:
    train, near = record(400), record(seed=1)
    far = record(seed=2, shift=30.0)
    for score in (mahalanobis,):
        assert score(far, train).min() > score(near, train).max()


def test_which_are_fitted() -> None:
    fitted = {name: s.fitted for name, s in components(Score).items() if s.function.__module__ == "bench.scores.ood"}
    assert fitted == {
        "msp": False, "max-logit": False, "energy": False, "mahalanobis": True,
        "relative-mahalanobis": True,
    }  # fmt: skip
