"""The likelihood of a source whose density is known."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.records import Density
from bench.references.mixtures import Mixture, ring, scattered
from bench.seeds import generator

SIZES = {"train": 2000, "test": 2000}


@task(
    "likelihood/gaussian-mixture",
    needs="density",
    yields=Density,
    source="closed form",
    check="likelihood/ring-entropy",
)
def likelihood_gaussian_mixture(seed: int) -> Examples:
    """Points of eight round Gaussians on a ring (radius 4, deviation .5): the truth is the exact log-density.

    The entropy is 3.5247 nats; the divergence of any model from the truth is measured against it, sample by sample.
    """
    return _drawn("likelihood/gaussian-mixture", "ring", ring(), SIZES, seed)


@task(
    "likelihood/gaussian-mixture-32",
    needs="density",
    yields=Density,
    source="closed form",
    check="likelihood/probability-flow",
)
def likelihood_gaussian_mixture_32(seed: int) -> Examples:
    """Points of four Gaussians with full covariances in 32 dimensions: the truth is the exact log-density."""
    return _drawn("likelihood/gaussian-mixture-32", "scattered", scattered(), {"train": 2000, "test": 200}, seed)


def _drawn(name: str, prefix: str, source: Mixture, sizes: dict[str, int], seed: int) -> Examples:
    parts = {}
    for split, n in sizes.items():
        points = source.sample(n, generator(seed, name, split))
        ids = np.array([f"{prefix}-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=points, truth=source.log_prob(points))
    return Examples.join(parts)
