"""Densities made of others: a mixture annealed, and the product of two."""

from __future__ import annotations

import numpy as np

from bench.components import task
from bench.errors import unknown_name
from bench.examples import Examples
from bench.records import Density
from bench.references.mixtures import Mixture, background, experts, product, quotient
from bench.seeds import generator

SIZES = {"train": 1000, "test": 1000}
FORMS = ("annealed", "product", "guided")


def factors(form: str) -> list[tuple[Mixture, float]]:
    """The densities that are multiplied, each with its power; `UsageError` for other names."""
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    one, other = experts()
    every = {
        "annealed": [(one, 2.0)],
        "product": [(one, 1.0), (other, 1.0)],
        "guided": [(background(), -1.0), (one, 2.0)],
    }
    return every[form]


def made(form: str) -> Mixture:
    """Their product, normalised."""
    first, *rest = (mixture for mixture, _ in factors(form))
    if form == "guided":
        return quotient(product(rest[0], rest[0])[0], first)[0]
    return product(first, rest[0] if rest else first)[0]


@task(
    "likelihood/guided-mixture",
    needs="density",
    yields=Density,
    source="closed form: products of Gaussians are Gaussian",
    check="likelihood/feynman-kac",
)
def likelihood_guided_mixture(seed: int, form: str = "annealed") -> Examples:
    """1,000 points of the plane from a density that guidance of diffusions aims at; truth is exact.

    form: annealed, the square of a mixture of two modes of unlike widths; product, that mixture times another; or
    guided, its square over a broad Gaussian, as classifier-free guidance of weight 2 has it.
    """
    source = made(form)
    parts = {}
    for split, n in SIZES.items():
        points = source.sample(n, generator(seed, "likelihood/guided-mixture", form, split))
        ids = np.array([f"{form}-{split}-{i:04d}" for i in range(n)])
        parts[split] = Examples(ids=ids, inputs=points, truth=source.log_prob(points))
    return Examples.join(parts)
