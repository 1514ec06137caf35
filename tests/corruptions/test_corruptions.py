"""The fifteen corruptions: what each keeps, what it changes, and that severity is severe."""

from __future__ import annotations

import numpy as np
import pytest

from bench.arrays import Float64s
from bench.corruptions import KINDS, SEVERITIES, corrupted
from bench.corruptions.digital import QUALITY
from bench.corruptions.fields import disk
from bench.errors import UsageError

# By the authors' own tables these change their manner with severity, not only their strength; boxes of pixels fall on
# other places; and frost that is bright already cannot grow brighter.
UNORDERED = {"elastic-transform", "snow", "glass-blur", "fog", "frost", "pixelate"}


def photographs(side: int = 64) -> Float64s:
    from sklearn.datasets import load_sample_images

    images = np.stack(load_sample_images().images) / 255
    return images[:, 100 : 100 + 4 * side : 4, 200 : 200 + 4 * side : 4]


def test_there_are_fifteen() -> None:
    assert len(KINDS) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_is_its_seed_keeps_shape_and_range_and_grows(kind: str) -> None:
    images = photographs()
    away = []
    for severity in SEVERITIES:
        changed = corrupted(images, kind, severity, np.random.default_rng(0))
        np.testing.assert_array_equal(changed, corrupted(images, kind, severity, np.random.default_rng(0)))
        assert changed.shape == images.shape
        assert changed.min() >= 0
        assert changed.max() <= 1
        away.append(float(((changed - images) ** 2).mean()))
    assert min(away) > 1e-5
    if kind not in UNORDERED:
        assert (np.diff(away) > 0).all()
    grey = corrupted(images[..., 0], kind, 3, np.random.default_rng(0))
    assert grey.shape == images.shape[:3]
    small = corrupted(images[:, :8, :8, 0], kind, 5, np.random.default_rng(0))
    assert float(np.abs(small - images[:, :8, :8, 0]).max()) > 0.01


@pytest.mark.parametrize("kind", ["defocus-blur", "motion-blur", "zoom-blur", "glass-blur", "pixelate", "contrast"])
def test_what_only_moves_light_about_leaves_a_flat_image_flat(kind: str) -> None:
    flat = np.full((2, 24, 17, 3), 0.3)
    np.testing.assert_allclose(corrupted(flat, kind, 5, np.random.default_rng(0)), flat, atol=1e-9)


def test_noise_has_the_variance_that_is_stated() -> None:
    flat = np.full((1, 400, 400), 0.5)
    draws = np.random.default_rng(0)
    # 160,000 draws: a standard deviation is known to 1 / sqrt(2 n) = .2 %; four of these.
    np.testing.assert_allclose(corrupted(flat, "gaussian-noise", 1, draws).std(), 0.08, rtol=8e-3)
    np.testing.assert_allclose(corrupted(flat, "shot-noise", 1, draws).std(), np.sqrt(0.5 / 60), rtol=8e-3)
    hit = corrupted(flat, "impulse-noise", 5, draws)
    np.testing.assert_allclose((hit != 0.5).mean(), 0.27, atol=4 * np.sqrt(0.27 * 0.73 / 160_000))
    np.testing.assert_allclose((hit == 1).mean(), 0.135, atol=4 * np.sqrt(0.135 * 0.865 / 160_000))


def test_a_disk_covers_its_area() -> None:
    kernel = disk(3.0)
    np.testing.assert_allclose(kernel.sum(), 1.0)
    np.testing.assert_allclose(1 / kernel.max(), np.pi * 9, rtol=2e-3)  # one full pixel's share


def test_jpeg_is_pillows() -> None:
    image = pytest.importorskip("PIL.Image")
    import io

    grey = np.round(photographs(60)[..., 1] * 255).astype(np.uint8)
    for severity in SEVERITIES:
        ours = corrupted(grey / 255, "jpeg-compression", severity, np.random.default_rng(0)) * 255
        for one, mine in zip(grey, ours, strict=True):
            file = io.BytesIO()
            image.fromarray(one).save(file, "JPEG", quality=QUALITY[severity - 1])
            theirs = np.asarray(image.open(file), dtype=float)
            # Its integer cosine transform rounds otherwise, and now and then a coefficient falls to the other side.
            assert np.abs(mine - theirs).mean() < 0.5


def test_pixelate_keeps_the_mean_and_has_few_values() -> None:
    image = np.random.default_rng(0).random((1, 20, 20))
    coarse = corrupted(image, "pixelate", 5, np.random.default_rng(0))
    np.testing.assert_allclose(coarse.mean(), image.mean(), rtol=1e-12)
    assert len(np.unique(coarse.round(12))) == 25


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(UsageError, match="no images"):
        corrupted(np.full((2, 4, 4), 7.0), "fog", 1, np.random.default_rng(0))
    with pytest.raises(UsageError, match="severity 6"):
        corrupted(np.zeros((2, 4, 4)), "fog", 6, np.random.default_rng(0))
    with pytest.raises(UsageError, match="fogg"):
        corrupted(np.zeros((2, 4, 4)), "fogg", 1, np.random.default_rng(0))
