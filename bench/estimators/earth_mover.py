"""How far, in embedding space, a token distribution lies from another: the earth mover's distance and its bound.

Source: Ren et al. 2024, EMO: Earth Mover Distance Optimization for Auto-Regressive Language Modeling, ICLR.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Ints


def token_costs(embeddings: Float64s) -> Float64s:
    """1 - cosine of each pair of embeddings (V, d), (V, V), within [0, 2]; exactly 0 on the diagonal."""
    sizes = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = embeddings / np.where(sizes > 0, sizes, 1.0)
    costs = np.maximum(1 - unit @ unit.T, 0.0)
    np.fill_diagonal(costs, 0.0)
    return costs


def bounded_distance(probs: Float64s, reference: Float64s | Ints, embeddings: Float64s) -> Float64s:
    """DEMD = Q' C P, the cost of moving mass without a plan: at least the earth mover's distance, equal for one token.

    probs: Q (..., V).  reference: P (..., V), or the tokens that came (...), of ints.  Costs are 1 - cosine of
    embeddings (V, d); no (V, V) is made, so that it runs for whole vocabularies.  Returns (...).
    """
    sizes = np.linalg.norm(embeddings, axis=1, keepdims=True)
    unit = embeddings / np.where(sizes > 0, sizes, 1.0)
    mean = probs @ unit
    if np.issubdtype(np.asarray(reference).dtype, np.integer):
        other: Float64s = unit[reference]
        total = probs.sum(axis=-1)
    else:
        other = reference @ unit
        total = probs.sum(axis=-1) * reference.sum(axis=-1)
    return np.asarray(total - (mean * other).sum(axis=-1), dtype=np.float64)


def moved_distance(probs: Float64s, reference: Float64s, costs: Float64s) -> float:
    """The earth mover's distance of two distributions (V,) by linear programming: the truth, for small V."""
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, kron

    size = len(probs)
    ones = np.ones((1, size))
    rows, columns = kron(eye_array(size), ones), kron(ones, eye_array(size))
    # One of the equalities follows from the others; left in, rounding could make them contradict.
    both = np.vstack([rows.toarray(), columns.toarray()[:-1]])
    found = linprog(costs.ravel(), A_eq=both, b_eq=np.concatenate([probs, reference[:-1]]), bounds=(0, None))
    assert found.fun is not None, found.message  # noqa: S101 - moving mass as it lies always is a plan
    return float(found.fun)


def total_variation(probs: Float64s, reference: Float64s) -> Float64s:
    """Half the sum of absolute differences over the last axis, within [0, 1]."""
    return np.abs(probs - reference).sum(axis=-1) / 2
