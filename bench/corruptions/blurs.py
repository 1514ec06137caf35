"""Blurs: out of focus, behind glass, of motion, of zooming.  Images (n, h, w, c) in [0, 1]; severity 1 to 5."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.corruptions.fields import convolved, disk, grid, length, sampled, smoothed, streaked

# Radius of the disk, and of the Gaussian that softens its edge.
DEFOCUS = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))
# Spread of the blur, farthest exchange, passes.
GLASS = ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2))
# Reach and spread of the smear.
MOTION = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
# Largest factor, and steps up to it.
ZOOM = ((1.10, 0.01), (1.15, 0.01), (1.20, 0.02), (1.25, 0.02), (1.30, 0.03))


def defocus_blur(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """A disk, its edge softened."""
    radius, soft = (value * length(images) for value in DEFOCUS[severity - 1])
    return smoothed(convolved(images, disk(radius)), soft)


def glass_blur(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """A small blur, then each pixel is read from a random place near it, several times over, then the blur again.

    The authors exchange pixels one after the other; reading all at once is the same but for pixels read twice.
    """
    spread, reach, passes = GLASS[severity - 1]
    spread, far = spread * length(images), max(reach * length(images), 1.0)
    out = smoothed(images, spread)
    y, x = grid(images)
    for _ in range(passes):
        step = draws.uniform(-far, far, size=(2, *images.shape[:3]))
        out = sampled(out, y + np.round(step[0]), x + np.round(step[1]))
    return smoothed(out, spread)


def motion_blur(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """A smear along an angle of the image's own, between -45 and 45 degrees."""
    reach, spread = (value * length(images) for value in MOTION[severity - 1])
    return streaked(images, reach, spread, np.deg2rad(draws.uniform(-45, 45, size=len(images))))


def zoom_blur(images: Float64s, severity: int, _: np.random.Generator) -> Float64s:
    """The mean of the image and of ever larger versions of it, about its middle."""
    largest, step = ZOOM[severity - 1]
    factors = np.arange(1, largest + 1e-9, step)
    y, x = grid(images)
    middle = (images.shape[1] - 1) / 2, (images.shape[2] - 1) / 2
    zoomed = [sampled(images, middle[0] + (y - middle[0]) / f, middle[1] + (x - middle[1]) / f) for f in factors]
    return np.asarray((images + np.sum(zoomed, axis=0)) / (len(factors) + 1), dtype=np.float64)
