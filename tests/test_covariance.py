import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf as peer

from bench.covariance import gaussian_log_density, ledoit_wolf, squared_distances


@pytest.mark.parametrize(("n", "d"), [(20, 5), (50, 60), (1000, 3)])
def test_ledoit_wolf_agrees_with_scikit_learn(n: int, d: int) -> None:
    draws = np.random.default_rng(n)
    rows = draws.standard_normal((n, d)) @ draws.standard_normal((d, d))
    rows -= rows.mean(axis=0)
    covariance, shrinkage = ledoit_wolf(rows)
    expected, expected_shrinkage = peer(rows, assume_centered=True)
    assert shrinkage == pytest.approx(expected_shrinkage, rel=1e-9)
    np.testing.assert_allclose(covariance, expected, rtol=1e-9, atol=1e-9)


def test_constant_columns_leave_it_invertible() -> None:
    rows = np.zeros((10, 3))
    covariance, _ = ledoit_wolf(rows)
    np.testing.assert_array_equal(covariance, np.eye(3))
    rows[:, 0] = np.linspace(-1, 1, 10)
    np.linalg.cholesky(ledoit_wolf(rows)[0])


def test_distances_and_density_agree_with_scipy() -> None:
    draws = np.random.default_rng(0)
    root = draws.standard_normal((4, 4))
    covariance = root @ root.T + np.eye(4)
    points, centres = draws.standard_normal((7, 4)) + 100, draws.standard_normal((3, 4)) + 100
    gap = points[:, None] - centres
    expected = np.einsum("ncd,de,nce->nc", gap, np.linalg.inv(covariance), gap)
    np.testing.assert_allclose(squared_distances(points, centres, covariance), expected, rtol=1e-10)
    np.testing.assert_allclose(
        gaussian_log_density(points, centres[0], covariance),
        multivariate_normal(centres[0], covariance).logpdf(points),
        rtol=1e-10,
    )


def test_a_covariance_that_is_none_is_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        gaussian_log_density(np.zeros((1, 2)), np.zeros(2), np.diag([1.0, -1.0]))
