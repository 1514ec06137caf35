"""Integral circuits against a Gaussian in closed form, sums over all rows, and a hidden Markov model."""

from __future__ import annotations

from itertools import product

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.covariance import gaussian_log_density
from bench.estimators.circuits import LatentTree
from bench.estimators.integral import materialised, nodes
from bench.references.chains import Chain
from bench.seeds import generator

PIC = "Probabilistic Integral Circuits"
PARENTS, BOND, NOISE = np.array([-1, 0, 0, 1, 1]), 0.8, 0.6


def _log_normal(x: Float64s, mean: Float64s, spread: float) -> Float64s:
    return -(((x - mean) / spread) ** 2) / 2 - np.log(spread) - np.log(2 * np.pi) / 2


def _bond(parent: Float64s, child: Float64s) -> Float64s:
    return _log_normal(child[None, :], BOND * parent[:, None], float((1 - BOND**2) ** 0.5))


def gaussian_tree(count: int, normalise: bool = False) -> LatentTree:
    """Standard normal states, each correlated with its parent's by .8; two-valued leaves, likelier 1 as states rise."""

    def leaf(at: Float64s) -> Float64s:
        chance = 1 / (1 + np.exp(-2 * at))
        return np.stack([1 - chance, chance], axis=1)

    size = len(PARENTS)
    return materialised(
        PARENTS, lambda z: _log_normal(z, np.zeros_like(z), 1.0), [_bond] * size, [leaf] * size, count, 6.0, normalise
    )


def _gaussian_log_prob(count: int, rows: Float64s) -> Float64s:
    at, _ = nodes(count)
    given = np.exp(_log_normal(rows.T[:, :, None], at[None, None, :], NOISE))
    return gaussian_tree(count).upward(given)[2]


@check("likelihood/integral-circuits", area="likelihood", source="a Gaussian tree in closed form", papers=(PIC,))
def integral_circuits() -> list[Truth]:
    """Quadrature nears the exact density; masses sum to one; marginals by summing; a chain is a hidden Markov model."""
    covariance = np.eye(5)
    for i in range(1, 5):
        covariance[i, :i] = covariance[:i, i] = BOND * covariance[PARENTS[i], :i]
    covariance += NOISE**2 * np.eye(5)
    rows = generator(0, "integral-circuits").multivariate_normal(np.zeros(5), covariance, size=20)
    truth = gaussian_log_density(rows, np.zeros(5), covariance)
    errors = [float(np.abs(_gaussian_log_prob(count, rows) - truth).max()) for count in (8, 16, 32, 64)]
    tree = gaussian_tree(12, normalise=True)
    every = np.array(list(product(range(2), repeat=5)))
    mass = np.exp(tree.log_prob(every))
    seen = np.zeros((1, 5), dtype=bool)
    seen[:, [0, 3]] = True
    pair = mass[(every[:, 0] == 1) & (every[:, 3] == 0)].sum()
    alone = np.exp(tree.log_prob(np.array([[1, 0, 0, 0, 0]]), seen))[0]
    return [
        Truth(0.0, errors[-1], 1e-9, "greatest error of a log-density, 64 nodes"),
        exact(1.0, float(errors[0] > errors[1] > errors[2] > errors[3]), "it falls with 8, 16, 32 and 64 nodes"),
        exact(1.0, float(mass.sum()), "masses of all rows, 12 nodes"),
        exact(float(pair), float(alone), "marginal of two variables by summing the others"),
        exact(*_hidden_markov(), "a chain against the forward pass of a hidden Markov model"),
    ]


def _hidden_markov() -> tuple[float, float]:
    """Log p of one row by summing over all paths of states, and by the circuit."""
    draws = generator(0, "hidden-markov")
    chain = Chain(draws.dirichlet(np.ones(3)), draws.dirichlet(np.ones(3), size=3))
    leaf = draws.dirichlet(np.ones(4), size=3)
    row = np.array([2, 0, 3, 3, 1])
    paths = np.array(list(product(range(3), repeat=5)))
    total = float(np.log((np.exp(chain.log_prob(paths)) * leaf[paths, row].prod(axis=1)).sum()))
    tree = LatentTree(np.arange(-1, 4), chain.start, np.stack([chain.step] * 5), np.stack([leaf] * 5))
    return total, float(tree.log_prob(row[None])[0])
