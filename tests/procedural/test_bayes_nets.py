"""Trees of binary variables: conditionals by enumeration, paths, and what texts show."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from bench.procedural.bayes_nets import Tree, draw_tree, local_text

# 0 -> 1 -> 2 and 0 -> 3
TREE = Tree((-1, 0, 1, 0), ((0.4, 0.4), (0.1, 0.7), (0.8, 0.3), (0.5, 0.9)))


def test_conditionals_by_hand() -> None:
    assert TREE.marginal(1) == pytest.approx(0.6 * 0.1 + 0.4 * 0.7)
    assert TREE.conditional(1, 0, 1) == pytest.approx(0.7)
    assert TREE.conditional(0, 1, 1) == pytest.approx(0.28 / 0.34)  # Bayes
    one = 0.28 / 0.34
    assert TREE.conditional(3, 1, 1) == pytest.approx(one * 0.9 + (1 - one) * 0.5)


def test_paths_separate() -> None:
    assert TREE.path(2, 3) == (2, 1, 0, 3)
    assert TREE.path(0, 2) == (0, 1, 2)
    # Given what lies between, the end says nothing more.
    joint = TREE.joint
    for given in (0, 1):
        slab = joint.take(given, axis=0).sum(axis=0)  # (X2, X3) given X0
        assert np.allclose(slab / slab.sum(), np.outer(slab.sum(1), slab.sum(0)) / slab.sum() ** 2)


def test_texts_show_neighbours_alone() -> None:
    rng = Random(0)
    tree = draw_tree(rng, 8, branching=0.4)
    shown: Counter[int] = Counter()
    for _ in range(500):
        words = local_text(rng, tree, "A", locality=3).split()
        variables = [int(word[1:].partition("=")[0]) for word in words]
        assert 1 <= len(variables) == len(set(variables)) <= 3
        for a, b in pairwise(variables):
            assert tree.parents[a] == b or tree.parents[b] == a
        shown.update(variables)
    assert set(shown) == set(range(8))


def test_sampled_frequencies_are_the_joint_s() -> None:
    rng = Random(5)
    draws = Counter(TREE.sample(rng) for _ in range(4000))
    for values, p in np.ndenumerate(TREE.joint):
        assert abs(draws[values] / 4000 - p) < 5 * (p * (1 - p) / 4000) ** 0.5


def test_too_many_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="2 to 14"):
        draw_tree(Random(0), 15)
