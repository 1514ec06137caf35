"""Points behind which stand states on a tree."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.examples import Examples
from bench.records import Density
from bench.references import trees
from bench.seeds import generator

PIC = "Probabilistic Integral Circuits"
SIZES = {"train": 2000, "test": 1000}


@task(
    "likelihood/gaussian-tree",
    needs="density",
    yields=Density,
    source="closed form",
    papers=(PIC,),
    check="likelihood/integral-circuits",
)
def likelihood_gaussian_tree(seed: int) -> Examples:
    """1,000 points in five dimensions, noisy views of standard normal states on a tree; truth is exact."""
    parts = {}
    for split, n in SIZES.items():
        points = trees.sample(n, generator(seed, "likelihood/gaussian-tree", split))
        ids = np.array([f"tree-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=points, truth=trees.log_prob(points))
    return Examples.join(parts)
