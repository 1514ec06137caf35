"""Probabilistic integral circuits: trees of continuous states, made into circuits by quadrature.

p(x) = ∫ p(z_root) Π p(z_i | z_parent) Π p(x_i | z_i) dz over a tree becomes, on N nodes, a `LatentTree` of N states
whose likelihood, marginals and conditionals are exact for it, and near those of the integral as N grows.  Source:
Gala et al. 2024, Probabilistic Integral Circuits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.arrays import Float64s, Ints
from bench.estimators.circuits import LatentTree

# (states of the parent (N,), states of the child (N,)) -> log-density of each child given each parent, (N, N).
Conditional = Callable[[Float64s, Float64s], Float64s]


def nodes(count: int, reach: float = 6.0) -> tuple[Float64s, Float64s]:
    """Gauss-Legendre nodes and weights on [-reach, reach], (N,) each."""
    at, weight = np.polynomial.legendre.leggauss(count)
    return at * reach, weight * reach


def materialised(
    parents: Ints,
    log_prior: Callable[[Float64s], Float64s],
    conditionals: list[Conditional],
    leaves: list[Callable[[Float64s], Float64s]],
    count: int,
    reach: float = 6.0,
    normalise: bool = False,
) -> LatentTree:
    """The circuit of `count` states on the tree `parents` (D,), -1 at the root.

    conditionals: of each variable's state given its parent's (the root's is not used).  leaves: for each variable,
    states (N,) to probabilities (N, V) of its values; V 0 where leaves are given as likelihoods to `upward`.
    normalise: divide by what quadrature makes of 1, so that the circuit sums to 1 for any N.
    """
    at, weight = nodes(count, reach)
    prior = np.exp(log_prior(at)) * weight
    step = np.stack([np.exp(conditional(at, at)) * weight for conditional in conditionals])
    leaf = np.stack([values(at) for values in leaves])
    if normalise:
        prior, step = prior / prior.sum(), step / step.sum(axis=2, keepdims=True)
    return LatentTree(parents, prior, step, leaf)
