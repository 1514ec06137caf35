"""Points of an energy with two wells, whose constant is known."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.records import Density
from bench.references.energies import well
from bench.seeds import generator

SIZES = {"train": 2000, "test": 1000}


@task(
    "likelihood/double-well",
    needs="density",
    yields=Density,
    source="Wu, Koehler and Noe 2020 for the setting; its constant by quadrature",
    check="likelihood/stochastic-flow",
)
def likelihood_double_well(seed: int) -> Examples:
    """1,000 points of the density exp(-E) / Z of an energy with two wells in the plane: truth is exact.

    `bench.references.energies:well` is the energy: what a model of it loses, it loses in log Z.
    """
    source = well()
    parts = {}
    for split, n in SIZES.items():
        points = source.sample(n, generator(seed, "likelihood/double-well", split))
        ids = np.array([f"well-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=points, truth=source.log_prob(points))
    return Examples.join(parts)
