"""The likelihood of a linear-Gaussian source with hidden factors."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.models.latent import LinearGaussian
from bench.records import Density
from bench.seeds import generator

SIZES = {"train": 4000, "test": 400}


@task(
    "likelihood/linear-factors", needs="density", yields=Density, source="closed form", check="likelihood/latent-bounds"
)
def likelihood_linear_factors(seed: int) -> Examples:
    """Points in 16 dimensions with 4 hidden factors (probabilistic PCA): the truth is the exact log-density."""
    source = factors()
    parts = {}
    for split, n in SIZES.items():
        draws = generator(seed, "likelihood/linear-factors", split)
        hidden, noise = draws.standard_normal((n, 4)), draws.standard_normal((n, 16))
        points = source.mean + hidden @ source.loadings.T + source.noise * noise
        ids = np.array([f"factors-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=points, truth=source.log_density(points))
    return Examples.join(parts)


def factors() -> LinearGaussian:
    """The source: loadings of four factors, standard normal, and noise of standard deviation .5."""
    draws = generator(0, "linear-factors")
    return LinearGaussian(draws.standard_normal(16), draws.standard_normal((16, 4)), 0.5).rotated()
