"""The embedded densities of discrete data: exact log-masses over grey levels 0..L-1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.arrays import AnyArray, Float64s, Ints
from bench.capabilities import LogDensity
from bench.components import model
from bench.errors import EvaluationError
from bench.examples import Examples
from bench.models.building import NotSuited, facts
from bench.models.densities import training_rows
from bench.models.scaling import flat

STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


@dataclass
class Categorical:
    """Every pixel has a distribution of its own, independent of the others."""

    smoothing: float
    log_mass: Float64s | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - counting draws nothing
        """Count levels (d, L), each count raised by the smoothing."""
        self.log_mass = np.log(marginals(levels_of(training_rows(train), train.levels), train.levels, self.smoothing))

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass, (b,)."""
        assert self.log_mass is not None  # noqa: S101 - fit comes first
        rows = levels_of(flat(inputs), self.log_mass.shape[1])
        return LogDensity(self.log_mass[np.arange(rows.shape[1]), rows].sum(axis=1))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("categorical", {"smoothing": self.smoothing}, "numpy")


@dataclass
class Tree:
    """Each pixel depends on one other: a tree of greatest mutual information.

    parents: (d,), -1 at the root.  log_mass: (d, L parent levels, L own levels); the root's rows are all equal.
    """

    smoothing: float
    strength: float
    parents: Ints | None = None
    log_mass: Float64s | None = None

    def fit(self, train: Examples, seed: int) -> None:  # noqa: ARG002 - counting draws nothing
        """Find the tree, then the conditional of each pixel given its parent, drawn towards the pixel's marginal."""
        levels = train.levels
        rows = levels_of(training_rows(train), levels)
        joint = pair_counts(rows, levels)
        self.parents = maximum_tree(mutual_information(joint))
        base = marginals(rows, levels, self.smoothing)
        pairs = np.stack([joint[max(p, 0), i] for i, p in enumerate(self.parents)])
        pairs[self.parents < 0] = 0.0  # the root has no parent to count with: only its marginal is left
        strength = self.strength or _chosen_strength(pairs, base)
        mass = (pairs + strength * base[:, None, :]) / (pairs.sum(axis=2, keepdims=True) + strength)
        self.log_mass = np.log(mass)

    def density(self, inputs: AnyArray) -> LogDensity:
        """Exact log-mass, (b,)."""
        assert self.parents is not None and self.log_mass is not None  # noqa: S101, PT018 - fit comes first
        rows = levels_of(flat(inputs), self.log_mass.shape[1])
        above = rows[:, np.maximum(self.parents, 0)]
        return LogDensity(self.log_mass[np.arange(rows.shape[1]), above, rows].sum(axis=1))

    def fingerprint(self) -> dict[str, Any]:
        """Parameters and versions."""
        return facts("chow-liu", {"smoothing": self.smoothing, "strength": self.strength}, "numpy", "scipy")


@model("categorical", gives="density", source="Laplace 1812", check="likelihood/categorical-sums-to-one")
def categorical(smoothing: float = 1.0) -> Categorical:
    """Independent pixels of a discrete image, each with its own distribution over the grey levels; exact.

    smoothing: added to every count.
    """
    return Categorical(smoothing)


@model("chow-liu", gives="density", source="Chow and Liu 1968", check="likelihood/chow-liu-tree")
def chow_liu(smoothing: float = 1.0, strength: float = 0.0) -> Tree:
    """The tree over the pixels of a discrete image with the greatest mutual information; exact log-mass.

    smoothing: added to every count of a pixel's marginal.  strength: pseudo-counts by which a conditional is drawn
    towards that marginal; 0 takes the one of .5 to 64 with the highest leave-one-out likelihood.
    """
    return Tree(smoothing, strength)


def levels_of(rows: Float64s, levels: int) -> Ints:
    """Rows (n, d) as level numbers 0..L-1; refuses continuous data and other values."""
    if not levels:
        raise NotSuited(
            "a discrete density cannot be asked about this data",
            cause="the task's data is continuous",
            fix="use gaussian, gaussian-mixture or kde",
        )
    whole = rows.astype(np.int64)
    if (whole != rows).any() or (whole < 0).any() or (whole >= levels).any():
        raise EvaluationError(
            f"an input is no level of 0..{levels - 1}",
            cause="the data is said to be discrete, but holds other values",
            fix="correct the task's 'levels'",
        )
    return whole


def marginals(rows: Ints, levels: int, smoothing: float) -> Float64s:
    """Smoothed distribution of each column over its levels, (d, L)."""
    d = rows.shape[1]
    counts = np.bincount((rows + levels * np.arange(d)).ravel(), minlength=d * levels).reshape(d, levels)
    return (counts.astype(np.float64) + smoothing) / (len(rows) + smoothing * levels)


def mutual_information(joint: Float64s) -> Float64s:
    """Empirical mutual information of all pairs of columns, nats, (d, d).  joint: counts (d, d, L, L)."""
    share = joint / joint[0, 0].sum()
    own = np.einsum("iiaa->ia", share)
    expected = own[:, None, :, None] * own[None, :, None, :]
    ratio = np.divide(share, expected, out=np.ones_like(share), where=share > 0)
    return np.einsum("ijab,ijab->ij", share, np.log(ratio))


def pair_counts(rows: Ints, levels: int) -> Float64s:
    """How often each pair of columns has each pair of levels, (d, d, L, L)."""
    n, d = rows.shape
    # float32 counts are exact to 2^24 rows, and their product is one fast GEMM
    hot = (rows[:, :, None] == np.arange(levels)).reshape(n, d * levels).astype(np.float32)
    counts = (hot.T @ hot).astype(np.float64)
    return counts.reshape(d, levels, d, levels).transpose(0, 2, 1, 3)


def maximum_tree(weight: Float64s) -> Ints:
    """The spanning tree of greatest total weight (d, d), as the parent of each node, -1 at node 0: (d,)."""
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    cost = 1.0 + weight.max() - weight  # scipy reads a cost of 0 as "no edge"
    np.fill_diagonal(cost, 0.0)
    tree = minimum_spanning_tree(cost)
    _, parents = breadth_first_order(tree, 0, directed=False)
    return np.where(parents < 0, -1, parents).astype(np.int64)


def _chosen_strength(pairs: Float64s, base: Float64s) -> float:
    # Leave-one-out: each row is predicted from the counts without itself.
    totals = pairs.sum(axis=2, keepdims=True)
    scores = []
    for strength in STRENGTHS:
        kept = (np.maximum(pairs - 1, 0) + strength * base[:, None, :]) / (np.maximum(totals - 1, 0) + strength)
        scores.append(float((pairs * np.log(kept)).sum()))
    return STRENGTHS[int(np.argmax(scores))]
