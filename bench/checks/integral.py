"""Integral circuits against a Gaussian in closed form, sums over all rows, and a hidden Markov model."""

from __future__ import annotations

from itertools import product

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.circuits import LatentTree
from bench.estimators.integral import materialised
from bench.models.integral import integrated
from bench.references import trees
from bench.references.chains import Chain
from bench.references.trees import PARENTS, bond, log_normal
from bench.seeds import generator
from bench.tasks.likelihood.gaussian_tree import PIC


def gaussian_tree(count: int, normalise: bool = False) -> LatentTree:
    """Standard normal states, each correlated with its parent's by .8; two-valued leaves, likelier 1 as states rise."""

    def leaf(at: Float64s) -> Float64s:
        chance = 1 / (1 + np.exp(-2 * at))
        return np.stack([1 - chance, chance], axis=1)

    size = len(PARENTS)
    return materialised(
        PARENTS, lambda z: log_normal(z, np.zeros_like(z), 1.0), [bond] * size, [leaf] * size, count, 6.0, normalise
    )


@check("likelihood/integral-circuits", area="likelihood", source="a Gaussian tree in closed form", papers=(PIC,))
def integral_circuits() -> list[Truth]:
    """Quadrature nears the exact density; masses sum to one; marginals by summing; a chain is a hidden Markov model."""
    rows = trees.sample(20, generator(0, "integral-circuits"))
    truth = trees.log_prob(rows)
    errors = [float(np.abs(integrated(rows, count) - truth).max()) for count in (8, 16, 32, 64)]
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
