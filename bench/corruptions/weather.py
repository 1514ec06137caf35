"""Weather: snow, frost and fog before the camera.  Images (n, h, w, c) in [0, 1]; severity 1 to 5."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.corruptions.fields import fields, length, smoothed, streaked

# Mean and spread of flakes, their size, the brightness below which there is none, reach and spread of their smear, and
# how much of the image stays as it is.
SNOW = (
    (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
    (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
    (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
    (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
    (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
)
# Shares of the image and of the ice.
FROST = ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))
# Amount of fog, and how fast its spectrum falls.
FOG = ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))
CRYSTALS = 1.2


def snow(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """Flakes, smeared as they fall, over a whitened image; also upside down, as the authors add them."""
    mean, spread, size, least, reach, smear, stays = SNOW[severity - 1]
    layer = draws.normal(mean, spread, size=(*images.shape[:3], 1))
    layer = smoothed(layer, size * length(images) / 2)
    # Smoothing takes from the spread what the authors' enlarging leaves.
    layer = mean + (layer - mean) * spread / np.maximum(layer.std(axis=(1, 2, 3), keepdims=True), 1e-12)
    flakes = np.clip(np.where(layer < least, 0.0, layer), 0, 1)
    angles = np.deg2rad(draws.uniform(-135, -45, size=len(images)))
    flakes = streaked(flakes, reach * length(images), smear * length(images), angles)
    grey = images.mean(axis=3, keepdims=True)
    white = stays * images + (1 - stays) * np.maximum(images, grey * 1.5 + 0.5)
    return np.asarray(white + flakes + flakes[:, ::-1, ::-1], dtype=np.float64)


def frost(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """Ice over the image: ridges of a random field, an image each."""
    kept, ice = FROST[severity - 1]
    ridges = 1 - np.abs(2 * fields(images, CRYSTALS, draws) - 1)
    return np.asarray(kept * images + ice * (ridges**2)[..., None], dtype=np.float64)


def fog(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """A random field added, and the whole brought back to the image's own maximum."""
    amount, decay = FOG[severity - 1]
    top = images.max(axis=(1, 2, 3), keepdims=True)
    thick = images + amount * fields(images, decay, draws)[..., None]
    return np.asarray(thick * top / np.maximum(top + amount, 1e-12), dtype=np.float64)
