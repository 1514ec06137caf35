"""Pairs whose dependence is known exactly."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.estimators.copulas import Copula
from bench.examples import Examples
from bench.records import Density
from bench.seeds import generator

PAIRED = "Pair Programming with Large Language Models for Sampling and Estimation of Copulas"
SIZES = {"train": 1000, "test": 1000}


@task(
    "likelihood/copula",
    needs="density",
    yields=Density,
    source="closed form (Nelsen 2006)",
    papers=(PAIRED,),
    check="likelihood/copulas",
)
def likelihood_copula(seed: int, family: str = "clayton", theta: float = 1.5) -> Examples:
    """1,000 pairs with uniform margins from a copula; truth is its exact density.

    family: clayton, gumbel, frank, gaussian or student.  theta: its parameter.
    """
    copula = Copula(family, theta)
    parts = {}
    for split, n in SIZES.items():
        pairs = copula.sample(n, generator(seed, "likelihood/copula", family, split))
        ids = np.array([f"copula-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=pairs, truth=copula.log_density(pairs))
    return Examples.join(parts)
