"""Copulas against quadrature, Kendall's tau in closed form, and planted parameters."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import ERRORS
from bench.components import Truth, check
from bench.estimators.copulas import Copula, most_likely
from bench.seeds import generator
from bench.tasks.likelihood.copulas import PAIRED

CASES = (
    Copula("clayton", 1.5),
    Copula("gumbel", 1.8),
    Copula("frank", 4.0),
    Copula("gaussian", 0.6),
    Copula("student", 0.5),
)


@check("likelihood/copulas", area="likelihood", source="quadrature and Kendall's tau", papers=(PAIRED,))
def copulas() -> list[Truth]:
    """Densities integrate to one with uniform margins; samples have their tau; likelihood finds theta again."""
    from scipy.special import ndtr
    from scipy.stats import kendalltau

    # Nodes are spread by the normal law, so that the corners, where densities grow without bound, are looked at.
    at, weight = np.polynomial.legendre.leggauss(160)
    z = 7.5 * at
    u, mass = ndtr(z), 7.5 * weight * np.exp(-(z**2) / 2) / (2 * np.pi) ** 0.5
    keep = (u > 0) & (u < 1)
    u, mass = u[keep], mass[keep]
    grid = np.stack(np.meshgrid(u, u, indexing="ij"), axis=2).reshape(-1, 2)
    out = []
    for case in CASES:
        margin = np.exp(case.log_density(grid)).reshape(len(u), len(u)) @ mass
        n = 2000
        pairs = case.sample(n, generator(0, "copulas", case.family))
        tau = float(kendalltau(*pairs.T).statistic)
        found, error = most_likely(case.family, pairs)
        inner = np.abs(z[keep]) < 3
        out += [
            Truth(0.0, float(np.abs(margin[inner] - 1).max()), 1e-8, f"{case.family}: margins are uniform"),
            Truth(1.0, float(margin @ mass), 1e-8, f"{case.family}: density integrates to 1"),
            Truth(case.tau, tau, ERRORS * 2 / (3 * n**0.5), f"{case.family}: Kendall's tau of {n} draws"),
            Truth(case.theta, found.theta, ERRORS * error, f"{case.family}: theta by maximum likelihood"),
        ]
    return out
