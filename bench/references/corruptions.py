"""Changes to grey images (n, h, w) with values in [0, 1]; each image for itself."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s


def rotated(images: Float64s, degrees: Float64s) -> Float64s:
    """Each image turned counter-clockwise about its middle by its own angle, (n,); bilinear, black outside."""
    n, h, w = images.shape
    angle = np.deg2rad(degrees)[:, None, None]
    y, x = np.meshgrid(np.arange(h) - (h - 1) / 2, np.arange(w) - (w - 1) / 2, indexing="ij")
    # Where each pixel of the turned image comes from; y grows downwards.
    source_y = np.cos(angle) * y + np.sin(angle) * x + (h - 1) / 2
    source_x = -np.sin(angle) * y + np.cos(angle) * x + (w - 1) / 2
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    source_y, source_x = np.clip(source_y + 1, 0, h + 1), np.clip(source_x + 1, 0, w + 1)
    top, left = np.minimum(source_y.astype(int), h), np.minimum(source_x.astype(int), w)
    down, right = source_y - top, source_x - left
    row = np.arange(n)[:, None, None]
    return (
        padded[row, top, left] * (1 - down) * (1 - right)
        + padded[row, top, left + 1] * (1 - down) * right
        + padded[row, top + 1, left] * down * (1 - right)
        + padded[row, top + 1, left + 1] * down * right
    )


def noised(images: Float64s, spread: float, draws: np.random.Generator) -> Float64s:
    """Images plus Gaussian noise of that standard deviation, cut to [0, 1]."""
    return np.clip(images + spread * draws.standard_normal(images.shape), 0.0, 1.0)


def blurred(images: Float64s, spread: float) -> Float64s:
    """Images blurred by a Gaussian of that standard deviation in pixels, black outside."""
    _, h, w = images.shape
    return _kernel(h, spread) @ images @ _kernel(w, spread).T


def permuted(images: Float64s, draws: np.random.Generator) -> Float64s:
    """All images with their pixels in one other order, drawn once."""
    n, h, w = images.shape
    return images.reshape(n, -1)[:, draws.permutation(h * w)].reshape(n, h, w)


def uniform_noise(n: int, side: int, top: int, draws: np.random.Generator) -> Float64s:
    """`n` images (side x side) of independent uniform levels 0, 1/top .. 1."""
    return draws.integers(0, top + 1, size=(n, side, side)) / top


def textures(n: int, side: int, draws: np.random.Generator) -> Float64s:
    """`n` images with the spectrum of natural scenes: Gaussian fields of amplitude 1/f, each stretched to [0, 1].

    Source of the spectrum: Field 1987, "Relations between the statistics of natural images".
    """
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    amplitude = np.divide(1.0, frequency, out=np.zeros_like(frequency), where=frequency > 0)
    fields = np.fft.irfft2(np.fft.rfft2(draws.standard_normal((n, side, side))) * amplitude, s=(side, side))
    low, high = fields.min(axis=(1, 2), keepdims=True), fields.max(axis=(1, 2), keepdims=True)
    return (fields - low) / (high - low)


def _kernel(size: int, spread: float) -> Float64s:
    distance = np.arange(size)[:, None] - np.arange(size)[None]
    reach = np.arange(-4 * size, 4 * size + 1)
    return np.exp(-(distance**2) / (2 * spread**2)) / np.exp(-(reach**2) / (2 * spread**2)).sum()
