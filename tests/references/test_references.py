import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import multivariate_normal

from bench.references.corruptions import blurred, noised, permuted, rotated, textures, uniform_noise
from bench.references.digits import SPLITS, digits, of_classes
from bench.references.mixtures import Mixture, ring


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).random((6, 8, 8))


@pytest.mark.parametrize("angle", [0.0, 17.0, -40.0, 90.0, 180.0, 333.3])
def test_rotation_agrees_with_scipy(images: np.ndarray, angle: float) -> None:
    # scipy's "grid-constant" interpolates towards black beyond the border, as ours does.
    expected = ndimage.rotate(images, angle, axes=(1, 2), reshape=False, order=1, mode="grid-constant", cval=0.0)
    np.testing.assert_allclose(rotated(images, np.full(6, angle)), expected, atol=1e-12)


def test_each_image_is_rotated_by_its_own_angle(images: np.ndarray) -> None:
    angles = np.array([0.0, 90.0, 180.0, 270.0, 10.0, 20.0])
    turned = rotated(images, angles)
    for i in range(4):
        np.testing.assert_allclose(turned[i], np.rot90(images[i], i), atol=1e-12)
    np.testing.assert_allclose(turned[4:5], rotated(images[4:5], angles[4:5]))


def test_blur_agrees_with_scipy(images: np.ndarray) -> None:
    expected = ndimage.gaussian_filter(images, sigma=(0, 1.5, 1.5), mode="constant", truncate=20)
    np.testing.assert_allclose(blurred(images, 1.5), expected, rtol=1e-6)


def test_permutation_moves_pixels_alike(images: np.ndarray) -> None:
    moved = permuted(images, np.random.default_rng(0)).reshape(6, -1)
    flat = images.reshape(6, -1)
    place = [int(np.flatnonzero(flat[0] == v)[0]) for v in moved[0]]
    assert sorted(place) == list(range(64))
    np.testing.assert_array_equal(moved, flat[:, place])
    assert place != list(range(64))


def test_noise_has_the_stated_spread_and_range() -> None:
    grey = np.full((500, 8, 8), 0.5)
    noisy = noised(grey, 0.1, np.random.default_rng(0))
    assert noisy.std() == pytest.approx(0.1, rel=0.02)
    assert noised(grey, 2.0, np.random.default_rng(0)).min() == 0.0
    levels = uniform_noise(100, 8, 16, np.random.default_rng(0)) * 16
    assert set(np.unique(levels)) == set(range(17))


def test_textures_fall_off_as_one_over_frequency() -> None:
    fields = textures(4000, 16, np.random.default_rng(0))
    assert fields.min() == 0.0
    assert fields.max() == 1.0
    fields = fields / fields.std(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(fields)) ** 2).mean(axis=0)
    # Power goes as 1 / f^2: from 1 to 4 cycles it falls by 16, bar the stretch to [0, 1] of each field.
    assert power[0, 1] / power[0, 4] == pytest.approx(16, rel=0.15)


def test_digits_split_is_fixed_and_complete() -> None:
    parts = {name: digits(name) for name in SPLITS}
    assert {name: len(p) for name, p in parts.items()} == SPLITS
    ids = np.concatenate([p.ids for p in parts.values()])
    assert len(np.unique(ids)) == 1797
    for part in parts.values():
        inputs = np.asarray(part.inputs)
        assert inputs.shape[1:] == (8, 8)
        np.testing.assert_array_equal(inputs * 16, np.rint(inputs * 16))
        assert set(np.unique(np.asarray(part.targets))) == set(range(10))


def test_of_classes_keeps_the_wanted() -> None:
    part = of_classes(digits("test"), np.arange(10) >= 6)
    assert set(np.unique(np.asarray(part.targets))) == {6, 7, 8, 9}


def test_mixture_density_and_samples_agree_with_scipy() -> None:
    draws = np.random.default_rng(0)
    covariances = np.stack([np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[0.3, -0.1], [-0.1, 0.2]])])
    mixture = Mixture(np.array([0.3, 0.7]), np.array([[0.0, 0.0], [5.0, -2.0]]), covariances)
    points = 4 * draws.standard_normal((20, 2))
    parts = zip(mixture.weights, mixture.means, covariances, strict=True)
    expected = np.log(sum(w * multivariate_normal(m, c).pdf(points) for w, m, c in parts))
    np.testing.assert_allclose(mixture.log_prob(points), expected, rtol=1e-10)
    sample = mixture.sample(40_000, draws)
    mean = mixture.weights @ mixture.means
    spread = (mixture.means - mean).T @ np.diag(mixture.weights) @ (mixture.means - mean)
    covariance = np.einsum("k,kij->ij", mixture.weights, covariances) + spread
    np.testing.assert_allclose(sample.mean(axis=0), mean, atol=5 * np.sqrt(covariance.max() / 40_000))
    np.testing.assert_allclose(np.cov(sample.T), covariance, atol=0.15)


def test_ring_is_even() -> None:
    source = ring(radius=3.0, spread=0.1)
    np.testing.assert_allclose(np.linalg.norm(source.means, axis=1), 3.0)
    np.testing.assert_allclose(source.means.sum(axis=0), 0.0, atol=1e-12)
