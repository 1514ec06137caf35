from typing import Any

import numpy as np
import pytest
from scipy.stats import kstest, multivariate_normal
from sklearn.neighbors import KernelDensity

from bench.capabilities import Machine
from bench.errors import BenchError, UsageError
from bench.examples import Examples
from bench.models.building import NotSuited, build
from bench.models.densities import gaussian, gaussian_mixture, kde, true_mixture
from bench.models.dequantisation import dequantised, lower_bound
from bench.models.discrete import categorical, chow_liu, marginals, mutual_information
from bench.specs import parse
from bench.tasks.likelihood.digits import likelihood_digits

CONTINUOUS = ("gaussian", "gaussian-mixture", "kde")
DISCRETE = ("categorical", "chow-liu")


def rows_of(values: np.ndarray, levels: int = 0) -> Examples:
    return Examples(ids=np.arange(len(values)).astype(str), inputs=values, levels=levels)


def continuous(n: int = 300, d: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d)) * [1.0, 2.0, 0.5][:d]


def discrete(n: int = 200, seed: int = 0) -> np.ndarray:
    draws = np.random.default_rng(seed)
    first = draws.integers(0, 4, n)
    return np.stack([first, (first + draws.integers(0, 2, n)) % 4, draws.integers(0, 4, n)], axis=1).reshape(n, 3, 1)


def fitted(spec: str, train: Examples, seed: int = 0) -> Any:
    model = build(parse(spec), Machine())
    model.fit(train, seed)
    return model


def test_gaussian_is_the_shrunk_gaussian() -> None:
    from sklearn.covariance import ledoit_wolf

    x = continuous()
    model = gaussian()
    model.fit(rows_of(x), 0)
    answer = model.density(x[:9])
    expected = multivariate_normal(x.mean(axis=0), ledoit_wolf(x)[0]).logpdf(x[:9])
    np.testing.assert_allclose(answer.log_prob, expected, rtol=1e-9)
    assert (answer.likelihood, answer.dequantisation, answer.mc_error) == ("exact", "none", None)


def test_kde_agrees_with_scikit_learn() -> None:
    x, test = continuous(), continuous(40, seed=1)
    model = kde(bandwidth=0.4)
    model.fit(rows_of(x), 0)
    np.testing.assert_allclose(
        model.density(test).log_prob, KernelDensity(bandwidth=0.4).fit(x).score_samples(test), rtol=1e-9
    )


def test_kde_takes_the_bandwidth_of_highest_leave_one_out_likelihood() -> None:
    x = continuous(60)
    model = kde()
    model.fit(rows_of(x), 0)
    left_out = {
        width: np.mean(
            [
                KernelDensity(bandwidth=width).fit(np.delete(x, i, axis=0)).score_samples(x[i : i + 1])[0]
                for i in range(60)
            ]
        )
        for width in (model.width / 1.18, model.width, model.width * 1.18)
    }
    assert max(left_out, key=left_out.__getitem__) == model.width


def test_mixture_finds_the_number_of_components() -> None:
    draws = np.random.default_rng(0)
    x = (
        draws.standard_normal((600, 2))
        + 12 * draws.integers(0, 2, (600, 1)) * [1, 0]
        + 12 * draws.integers(0, 2, (600, 1)) * [0, 1]
    )
    model = gaussian_mixture()
    model.fit(rows_of(x), 0)
    assert model.fitted.n_components == 4
    fixed = gaussian_mixture(components=2, covariance="diag")
    fixed.fit(rows_of(x), 0)
    assert (fixed.fitted.n_components, fixed.fitted.covariance_type) == (2, "diag")


def test_categorical_is_counts_plus_one() -> None:
    x = np.array([[0, 1], [0, 2], [1, 2]])
    model = categorical()
    model.fit(rows_of(x, levels=3), 0)
    answer = model.density(np.array([[0, 2], [2, 0]]))
    np.testing.assert_allclose(np.exp(answer.log_prob), [(3 / 6) * (3 / 6), (1 / 6) * (1 / 6)])
    assert (answer.likelihood, answer.dequantisation) == ("exact", "none")


def test_mutual_information_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import mutual_info_score

    from bench.models.discrete import pair_counts

    x = discrete().reshape(-1, 3)
    found = mutual_information(pair_counts(x, 4))
    expected = [[mutual_info_score(x[:, i], x[:, j]) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_roots_mass_is_its_marginal() -> None:
    x = discrete()
    model = chow_liu(smoothing=0.5)
    model.fit(rows_of(x, levels=4), 0)
    assert model.parents is not None
    assert model.log_mass is not None
    root = int(np.flatnonzero(model.parents < 0)[0])
    np.testing.assert_allclose(
        np.exp(model.log_mass[root]), np.tile(marginals(x.reshape(-1, 3), 4, 0.5)[root], (4, 1)), rtol=1e-12
    )
    assert (model.parents < 0).sum() == 1


def test_a_tree_of_vanishing_strength_is_maximum_likelihood() -> None:
    x = discrete(400).reshape(-1, 3)
    model = chow_liu(strength=1e-9, smoothing=1e-9)
    model.fit(rows_of(x, levels=4), 0)
    pair, count = np.unique(x[:, :2], axis=0, return_counts=True)
    share = {tuple(p): c / 400 for p, c in zip(pair.tolist(), count, strict=True)}
    assert model.parents is not None
    assert {frozenset((i, int(p))) for i, p in enumerate(model.parents) if p >= 0} >= {frozenset((0, 1))}
    from bench.models.discrete import pair_counts

    information = mutual_information(pair_counts(x, 4))
    entropies = -sum((m * np.log(m)).sum() for m in marginals(x, 4, 0.0))
    edges = sum(information[i, p] for i, p in enumerate(model.parents) if p >= 0)
    # Chow and Liu: the mean log-likelihood of the best tree is the edges' information less the pixels' entropies.
    assert model.density(x).log_prob.mean() == pytest.approx(edges - entropies, abs=1e-6)
    assert len(share) <= 16


@pytest.mark.parametrize("spec", DISCRETE)
def test_discrete_models_refuse_continuous_data(spec: str) -> None:
    with pytest.raises(NotSuited, match="discrete density"):
        fitted(spec, rows_of(continuous()))
    model = fitted(spec, rows_of(discrete(), levels=4))
    with pytest.raises(BenchError, match=r"no level of 0\.\.3"):
        model.density(np.full((1, 3, 1), 4))
    with pytest.raises(BenchError, match=r"no level of 0\.\.3"):
        model.density(np.full((1, 3, 1), 0.5))


@pytest.mark.parametrize("spec", CONTINUOUS)
def test_discrete_data_gives_a_lower_bound(spec: str) -> None:
    train, test = discrete(), discrete(50, seed=1)
    answer = fitted(spec, rows_of(train, levels=4)).density(test)
    assert (answer.likelihood, answer.dequantisation) == ("lower", "uniform")
    assert answer.mc_error is not None
    assert (answer.mc_error > 0).all()


def test_the_bound_is_below_the_mass_of_the_cell() -> None:
    train = discrete()[:, :1, 0]
    model = fitted("gaussian", rows_of(train, levels=4))
    from scipy.stats import norm

    x = np.arange(4.0)[:, None]
    source = norm(model.mean[0], np.sqrt(model.covariance[0, 0]))
    mass = np.log(source.cdf(x[:, 0] + 1) - source.cdf(x[:, 0]))
    bound = lower_bound(model.log_density, x, seed=0, draws=2000)
    assert bound.mc_error is not None
    assert (bound.log_prob - 4 * bound.mc_error < mass).all()
    grid = x + (np.arange(4000) + 0.5) / 4000
    exact = source.logpdf(grid).mean(axis=1)
    assert (np.abs(bound.log_prob - exact) < 4 * bound.mc_error).all()
    assert (exact < mass).all()


def test_noise_is_uniform_and_independent_between_columns_rows_and_draws() -> None:
    rows = np.arange(3000).reshape(500, 6)[:, :6].astype(float)
    u = dequantised(rows, 0) - rows
    assert kstest(u.ravel(), "uniform").pvalue > 1e-3
    assert ((u >= 0) & (u < 1)).all()
    others = [dequantised(rows, 1) - rows, dequantised(rows, 0, draw=1) - rows]
    columns = [u[:, :1].ravel(), u[:, 1:2].ravel(), np.roll(u[:, 0], 1), *(o[:, 0] for o in others)]
    correlation = np.corrcoef(columns) - np.eye(5)
    assert np.abs(correlation).max() < 4 / np.sqrt(500)


def test_near_constant_rows_get_different_noise() -> None:
    blank = np.zeros((2, 64))
    one = blank.copy()
    one[1, 63] = 1.0
    swapped = np.zeros((2, 64))
    swapped[0, 0] = swapped[1, 1] = 1.0
    for rows in (one, swapped):
        u = dequantised(rows, 0) - rows
        assert abs(np.corrcoef(u[0], u[1])[0, 1]) < 0.5
    np.testing.assert_array_equal(dequantised(blank, 0)[0], dequantised(-blank, 0)[1])


@pytest.mark.parametrize(
    "spec", [*CONTINUOUS, *DISCRETE, "sklearn:neighbors.KernelDensity,bandwidth=2", "ensemble:gaussian,size=2"]
)
def test_answers_do_not_depend_on_the_batch_and_fits_repeat(spec: str) -> None:
    examples = likelihood_digits(0)
    train, test = examples.split("train").take(np.arange(200)), np.asarray(examples.split("test").inputs)[:20]
    model, again = fitted(spec, train, seed=3), fitted(spec, train, seed=3)
    whole = model.density(test).log_prob
    one_by_one = np.concatenate([model.density(test[i : i + 1]).log_prob for i in range(len(test))])
    np.testing.assert_allclose(one_by_one, whole, rtol=1e-10)
    np.testing.assert_allclose(again.density(test[::-1]).log_prob[::-1], whole, rtol=1e-10)


def test_true_mixture_knows_only_its_own_data() -> None:
    with pytest.raises(NotSuited):
        true_mixture().fit(rows_of(continuous(d=3)), 0)
    with pytest.raises(NotSuited):
        true_mixture().fit(rows_of(continuous(d=2), levels=4), 0)


@pytest.mark.parametrize("spec", [*CONTINUOUS, "categorical"])
def test_nothing_to_fit_is_an_error(spec: str) -> None:
    with pytest.raises(UsageError, match="cannot be fitted"):
        fitted(spec, rows_of(np.empty((0, 2)), levels=0))


@pytest.mark.parametrize(
    "spec", ["gaussian-mixture,covariance=round", "gaussian-mixture,components=-1", "kde,bandwidth=-1"]
)
def test_wrong_parameters_are_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        build(parse(spec), Machine())
