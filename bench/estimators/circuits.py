"""Tree-shaped probabilistic circuits with hidden states: exact likelihoods, marginals and conditionals, fitted by EM.

A hidden state stands behind each variable, and the states form a tree (hidden Chow-Liu tree, HCLT): sums over states,
products over children, so any set of variables can be summed out in one pass.  Source: Liu, Mandt and Van den Broeck
2022, after Choi, Tan, Anandkumar and Willsky 2011; EM as Baum 1972 for trees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.arrays import AnyArray, Bools, Float64s, Ints
from bench.models.discrete import maximum_tree, mutual_information, pair_counts


@dataclass(frozen=True, eq=False)
class LatentTree:
    """p(x) = Σ_z p(z_root) Π p(z_i | z_parent) Π p(x_i | z_i) over D variables and states 0 .. H-1.

    parents: (D,), -1 at the root.  prior: (H,).  step: (D, H, H), rows by the parent's state; the root's is not used.
    leaf: (D, H, V).
    """

    parents: Ints
    prior: Float64s
    step: Float64s
    leaf: Float64s

    @cached_property
    def order(self) -> list[int]:
        """Variables from the root down, parents before their children."""
        placed = [int(np.flatnonzero(self.parents < 0)[0])]
        for at in placed:
            placed += self.children[at]
        return placed

    @cached_property
    def children(self) -> list[list[int]]:
        """The children of each variable."""
        return [np.flatnonzero(self.parents == i).tolist() for i in range(len(self.parents))]

    def log_prob(self, rows: AnyArray, seen: Bools | None = None) -> Float64s:
        """Exact log-mass (n,) of the seen variables of rows (n, D); the others are summed out."""
        soft = (np.asarray(rows)[:, :, None] == np.arange(self.leaf.shape[2])).astype(np.float64)
        return self.log_evidence(soft if seen is None else np.where(np.asarray(seen)[:, :, None], soft, 1.0))

    def log_evidence(self, soft: Float64s) -> Float64s:
        """Log Σ_x p(x) Π_i soft_i(x_i), (n,), for weights soft (n, D, V) >= 0."""
        return self.upward(np.einsum("nds,dhs->dnh", soft, self.leaf))[2]

    def marginals(self, soft: Float64s) -> Float64s:
        """p(x_i = v | soft evidence), (n, D, V); evidence as in `log_evidence`, the variable's own included."""
        given = np.einsum("nds,dhs->dnh", soft, self.leaf)
        local, message, _ = self.upward(given)
        above = self._downward(local, message)
        rest = above * np.divide(local, given, out=np.zeros_like(local), where=given > 0)
        found = np.einsum("dnh,dhs->nds", rest, self.leaf) * soft
        return found / found.sum(axis=2, keepdims=True)

    def log_conditionals(self, rows: Ints, hidden: Bools) -> Float64s:
        """Log p(x_i = v | the values of rows that are not hidden), (n, D, V); a seen value has probability 1."""
        soft = (rows[:, :, None] == np.arange(self.leaf.shape[2])) | hidden[:, :, None]
        with np.errstate(divide="ignore"):
            return np.log(self.marginals(soft.astype(np.float64)))

    def upward(self, given: Float64s) -> tuple[Float64s, Float64s, Float64s]:
        """What lies below each state: (D, n, H) with its own leaf, (D, n, H) as its parent sees it, and log Z (n,).

        given: (D, n, H), likelihood of each leaf under each state.  Both are scaled to a greatest entry of 1.
        """
        local, message = given.copy(), np.empty_like(given)
        total = np.zeros(given.shape[1])
        for i in reversed(self.order):
            for child in self.children[i]:
                local[i] *= message[child]
            top = local[i].max(axis=1, keepdims=True)
            local[i] /= np.where(top > 0, top, 1.0)
            with np.errstate(divide="ignore"):
                total += np.log(top[:, 0])
            message[i] = local[i] @ self.step[i].T
        with np.errstate(divide="ignore"):
            return local, message, total + np.log(local[self.order[0]] @ self.prior)

    def _downward(self, local: Float64s, message: Float64s) -> Float64s:
        """(D, n, H): proportional to p(z_i, all that is not below z_i)."""
        above = np.empty_like(local)
        above[self.order[0]] = self.prior
        for i in self.order[1:]:
            above[i] = self._beside(i, above, local, message) @ self.step[i]
            above[i] /= above[i].sum(axis=1, keepdims=True)
        return above

    def _beside(self, i: int, above: Float64s, local: Float64s, message: Float64s) -> Float64s:
        """(n, H): over the states of i's parent, all but what lies below i."""
        parent = self.parents[i]
        return above[parent] * np.divide(local[parent], message[i], out=np.zeros_like(local[i]), where=message[i] > 0)

    def improved(self, rows: Ints, smoothing: float) -> tuple[LatentTree, float]:
        """The tree after one step of EM on rows (n, D), and the mean log-mass before it.

        smoothing: pseudo-counts of each leaf's cell, and of each move between states; at 0 the likelihood cannot fall.
        """
        n, size, states = len(rows), self.leaf.shape[2], len(self.prior)
        given = np.stack([self.leaf[i][:, rows[:, i]].T for i in range(rows.shape[1])])
        local, message, total = self.upward(given)
        above = self._downward(local, message)
        held = above * local
        held /= held.sum(axis=2, keepdims=True)
        step = np.full_like(self.step, 1 / states)
        leaf = np.empty_like(self.leaf)
        for i in self.order:
            hot = (rows[:, i, None] == np.arange(size)).astype(np.float64)
            leaf[i] = held[i].T @ hot + smoothing / size
            if self.parents[i] >= 0:
                beside = self._beside(i, above, local, message)
                share = local[i] / np.einsum("np,ph,nh->n", beside, self.step[i], local[i])[:, None]
                step[i] = self.step[i] * (beside.T @ share) + smoothing / states
        prior = held[self.order[0]].sum(axis=0) + smoothing / states
        new = LatentTree(self.parents, prior / prior.sum(), _rows(step), _rows(leaf))
        return new, float(total.sum() / n)


def _rows(x: Float64s) -> Float64s:
    # A state that nothing came to keeps no counts; it moves and looks like any other.
    total = x.sum(axis=2, keepdims=True)
    return np.divide(x, total, out=np.full_like(x, 1 / x.shape[2]), where=total > 0)


def fitted(
    rows: Ints, levels: int, states: int, draws: np.random.Generator, passes: int = 60, smoothing: float = 1.0
) -> tuple[LatentTree, Float64s]:
    """A tree over the variables of greatest mutual information, fitted by EM: the tree, and the mean log-mass by pass.

    rows: (n, D) of 0 .. levels-1.  EM starts at leaves of random rows of the data; it stops when a pass gains less
    than 1e-4 nats a row.
    """
    parents = maximum_tree(mutual_information(pair_counts(rows, levels)))
    dim = rows.shape[1]
    base = np.stack([np.bincount(rows[:, i], minlength=levels) for i in range(dim)]) / len(rows)
    picked = rows[draws.integers(len(rows), size=states)]
    hot = (picked.T[:, :, None] == np.arange(levels)).astype(np.float64)
    leaf = 0.5 * hot + 0.45 * base[:, None, :] + 0.05 / levels
    step = np.broadcast_to(0.5 * np.eye(states) + 0.5 / states, (dim, states, states)).copy()
    tree = LatentTree(parents, np.full(states, 1 / states), step, leaf)
    course: list[float] = []
    for _ in range(passes):
        tree, mean = tree.improved(rows, smoothing)
        course.append(mean)
        if len(course) > 1 and course[-1] - course[-2] < 1e-4:
            break
    return tree, np.array(course)
