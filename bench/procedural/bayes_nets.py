"""Random trees of binary variables with exact conditionals, and texts that show a few neighbours at a time.

After Prystawski, Li and Goodman 2023 (Why think step by step?): each training text is a local sample, so two variables
that lie far apart never stand in one text, and their dependence can only be found through those between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random

import numpy as np

from bench.arrays import Float64s

MOST = 14  # variables: the joint distribution is enumerated


@dataclass(frozen=True)
class Tree:
    """A directed tree: parents[i] < i (-1 for the root), and p(X_i = 1 | parent = 0), p(X_i = 1 | parent = 1).

    Of the root both numbers are its marginal.
    """

    parents: tuple[int, ...]
    tables: tuple[tuple[float, float], ...]

    def __len__(self) -> int:
        return len(self.parents)

    @cached_property
    def joint(self) -> Float64s:
        """P of every assignment, (2,) * n, by enumeration."""
        out = np.ones((2,) * len(self))
        for values in product((0, 1), repeat=len(self)):
            for i, parent in enumerate(self.parents):
                one = self.tables[i][values[parent] if parent >= 0 else 0]
                out[values] *= one if values[i] else 1 - one
        return out

    def marginal(self, i: int) -> float:
        """p(X_i = 1)."""
        return float(self.joint.take(1, axis=i).sum())

    def conditional(self, i: int, j: int, value: int) -> float:
        """p(X_i = 1 | X_j = value), i and j different, from the enumerated joint."""
        given = self.joint.take(value, axis=j)
        return float(given.take(1, axis=i if i < j else i - 1).sum() / given.sum())

    def path(self, i: int, j: int) -> tuple[int, ...]:
        """The variables on the way from i to j, both included: each separates those on its two sides."""
        up_i, up_j = self._ancestors(i), self._ancestors(j)
        meet = next(k for k in up_i if k in up_j)
        return (*up_i[: up_i.index(meet) + 1], *reversed(up_j[: up_j.index(meet)]))

    def sample(self, rng: Random) -> tuple[int, ...]:
        """One assignment."""
        values: list[int] = []
        for i, parent in enumerate(self.parents):
            values.append(int(rng.random() < self.tables[i][values[parent] if parent >= 0 else 0]))
        return tuple(values)

    def _ancestors(self, i: int) -> list[int]:
        out = [i]
        while self.parents[out[-1]] >= 0:
            out.append(self.parents[out[-1]])
        return out


def draw_tree(rng: Random, variables: int, branching: float = 0.3, strength: float = 0.6) -> Tree:
    """A random tree.  branching: chance that a variable hangs on any earlier one rather than on the last (0: a chain).

    strength: the least difference that a parent makes to its child, in (0, 1).
    """
    if not 2 <= variables <= MOST:
        raise ValueError(f"a tree has 2 to {MOST} variables, not {variables}")
    parents, tables = [-1], [(p := rng.uniform(0.3, 0.7), p)]
    for i in range(1, variables):
        parents.append(rng.randrange(i) if rng.random() < branching else i - 1)
        low = rng.uniform(0.02, 0.98 - strength)
        high = rng.uniform(low + strength, 0.98)
        tables.append((low, high) if rng.random() < 0.5 else (high, low))
    return Tree(tuple(parents), tuple(tables))


def assignment(prefix: str, i: int, value: int) -> str:
    """A variable with its value, as one word: `A3=1`."""
    return f"{prefix}{i}={value}"


def local_text(rng: Random, tree: Tree, prefix: str, locality: int = 2) -> str:
    """One sample of a tree, shown on `locality` variables in a row along a random path."""
    values = tree.sample(rng)
    neighbours = [
        [k for k in range(len(tree)) if tree.parents[k] == i or tree.parents[i] == k] for i in range(len(tree))
    ]
    shown = [rng.randrange(len(tree))]
    while len(shown) < locality:
        onward = [k for k in neighbours[shown[-1]] if k not in shown]
        if not onward:
            break
        shown.append(rng.choice(onward))
    return " ".join(assignment(prefix, i, values[i]) for i in shown)
