"""What corruptions share: lengths in pixels, sampling between pixels, convolution, and random fields."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s

SIDE, SMALLEST = 224, 32


def length(images: Float64s) -> float:
    """Pixels of these images that one pixel of an image of 224 a side corresponds to."""
    return max(min(images.shape[1:3]), SMALLEST) / SIDE


def grid(images: Float64s) -> tuple[Float64s, Float64s]:
    """Row and column of each pixel, (1, h, w) each."""
    y, x = np.meshgrid(np.arange(images.shape[1]), np.arange(images.shape[2]), indexing="ij")
    return y[None].astype(np.float64), x[None].astype(np.float64)


def sampled(images: Float64s, y: Float64s, x: Float64s) -> Float64s:
    """Images (n, h, w, c) read at rows and columns (n or 1, h, w), bilinear; beyond the edge, its nearest pixel."""
    n, h, w, _ = images.shape
    y, x = np.clip(np.broadcast_to(y, (n, h, w)), 0, h - 1), np.clip(np.broadcast_to(x, (n, h, w)), 0, w - 1)
    top, left = np.minimum(y.astype(int), max(h - 2, 0)), np.minimum(x.astype(int), max(w - 2, 0))
    down, right = (y - top)[..., None], (x - left)[..., None]
    below, beside = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    row = np.arange(n)[:, None, None]
    upper = images[row, top, left] * (1 - right) + images[row, top, beside] * right
    lower = images[row, below, left] * (1 - right) + images[row, below, beside] * right
    return np.asarray(upper * (1 - down) + lower * down, dtype=np.float64)


def convolved(images: Float64s, kernel: Float64s) -> Float64s:
    """Images (n, h, w, c) convolved with one kernel (k, k), mirrored at the edges."""
    from scipy.ndimage import convolve

    return np.asarray(convolve(images, kernel[None, :, :, None], mode="reflect"), dtype=np.float64)


def smoothed(images: Float64s, spread: float) -> Float64s:
    """Images (n, h, w, c) blurred by a Gaussian of that standard deviation in pixels, mirrored at the edges."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(images, (0, spread, spread, 0), mode="reflect"), dtype=np.float64)


def disk(radius: float) -> Float64s:
    """A disk's kernel, (k, k), which sums to 1: each pixel by the share of it that the disk covers (16 x 16 points)."""
    reach = int(np.ceil(radius + 0.5))
    points = (np.arange(-16 * reach - 8, 16 * reach + 8) + 0.5) / 16
    inside = points[:, None] ** 2 + points[None] ** 2 <= max(radius, 0.5) ** 2
    size = 2 * reach + 1
    cover = inside.reshape(size, 16, size, 16).mean(axis=(1, 3))
    return np.asarray(cover / cover.sum(), dtype=np.float64)


def fields(images: Float64s, decay: float, draws: np.random.Generator) -> Float64s:
    """Random fields of amplitude 1 / frequency^decay, each stretched to [0, 1]: one for each image, (n, h, w)."""
    n, h, w = images.shape[0], images.shape[1], images.shape[2]
    frequency = np.hypot(np.fft.fftfreq(h)[:, None], np.fft.rfftfreq(w)[None])
    amplitude = np.where(frequency > 0, np.where(frequency > 0, frequency, 1.0) ** -decay, 0.0)
    values = np.fft.irfft2(np.fft.rfft2(draws.standard_normal((n, h, w))) * amplitude, s=(h, w))
    low, high = values.min(axis=(1, 2), keepdims=True), values.max(axis=(1, 2), keepdims=True)
    return np.asarray((values - low) / np.maximum(high - low, 1e-12), dtype=np.float64)


def streaked(images: Float64s, reach: float, spread: float, angles: Float64s) -> Float64s:
    """Each image smeared along its own angle (n,), in radians: Gaussian weights behind it, as far as `reach` pixels."""
    taps = np.arange(0, max(int(np.ceil(reach)), 1) + 1, dtype=np.float64)
    weights = np.exp(-(taps**2) / (2 * max(spread, 1e-6) ** 2))
    weights /= weights.sum()
    y, x = grid(images)
    out = np.zeros_like(images)
    for tap, weight in zip(taps, weights, strict=True):
        out += weight * sampled(
            images, y + tap * np.sin(angles)[:, None, None], x + tap * np.cos(angles)[:, None, None]
        )
    return out
