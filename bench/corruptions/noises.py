"""Noise: of the sensor, of counting light, of dead pixels.  Images (n, h, w, c) in [0, 1]; severity 1 to 5."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s

GAUSSIAN = (0.08, 0.12, 0.18, 0.26, 0.38)
PHOTONS = (60, 25, 12, 5, 3)
DEAD = (0.03, 0.06, 0.09, 0.17, 0.27)


def gaussian_noise(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """Independent Gaussian noise on each value."""
    return images + GAUSSIAN[severity - 1] * draws.standard_normal(images.shape)


def shot_noise(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """Counts of photons: Poisson of mean value times `PHOTONS`."""
    photons = PHOTONS[severity - 1]
    return np.asarray(draws.poisson(images * photons) / photons, dtype=np.float64)


def impulse_noise(images: Float64s, severity: int, draws: np.random.Generator) -> Float64s:
    """A share of values becomes 0 or 1, each as likely."""
    chance = draws.random(images.shape)
    dead = DEAD[severity - 1]
    return np.where(chance < dead, (chance < dead / 2).astype(np.float64), images)
