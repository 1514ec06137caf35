from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from bench.conformal.programs import Node, covers, holes, nested, pac_choice, parse
from bench.conformal.reasoning import Rule, bounds, corrected, implies
from bench.errors import RecordError, UsageError

CODE = "x = f(1, y)\nprint('é', x + 2)\n"


def test_each_token_belongs_to_the_smallest_node_that_spans_it() -> None:
    tree = parse(CODE, [CODE.index("1"), CODE.index("2"), 0], [-1.0, -2.0, -4.0])
    costs = {node.label: node.nll for node in tree.walk() if node.nll}
    assert costs == {"Constant(value=1, kind=None)": 1.0, "Constant(value=2, kind=None)": 2.0, "Name(id='x')": 4.0}
    assert tree.total == 7.0


def test_holes_leave_out_what_costs_and_match_anything() -> None:
    tree = parse(CODE, [CODE.index("1"), CODE.index("2")], [-1.0, -2.0])
    left_out = holes(tree, 1.0, 1)
    assert left_out is not None
    assert covers(tree, left_out, parse(CODE.replace("2", "len(y)")))
    assert not covers(tree, left_out, parse(CODE.replace("1", "3")))
    assert holes(tree, 1.0, 0) is None
    assert holes(tree, 3.0, 0) == frozenset()


def test_where_nothing_fits_the_whole_program_is_a_hole() -> None:
    tree = Node("a", 1.0, (Node("b", 1.0),))
    assert nested(tree, [2.0, 1.0, -1.0], 1) == [frozenset(), frozenset([1]), frozenset([0])]


def test_the_choice_is_the_binomial_one() -> None:
    misses = np.zeros((60, 3), dtype=bool)
    misses[:9, 0], misses[:2, 1] = True, True
    chosen = pac_choice(misses, 0.1, 0.1)
    allowed = [binom.cdf(k, 60, 0.1) <= 0.1 for k in (9, 2, 0)]
    assert chosen == allowed.index(True) == 1
    assert pac_choice(misses[:5], 0.1, 0.1) == -1


def test_no_python_is_an_error() -> None:
    with pytest.raises(RecordError, match="no Python"):
        parse("x = (")


def test_certain_probabilities_stay_and_rules_pull() -> None:
    probs = np.array([[1.0, 0.2], [0.0, 0.2]])
    found = corrected(probs, [implies(0, 1, 3.0)])
    assert found[0, 0] == 1.0
    assert found[0, 1] > 0.2
    np.testing.assert_allclose(found[1], probs[1])
    assert found[0, 1] == pytest.approx(0.2 * np.exp(3) / (0.2 * np.exp(3) + 0.8))


def test_bounds_hold_where_rules_push_down() -> None:
    low, high = np.array([[0.2, 0.3]]), np.array([[0.6, 0.9]])
    rule = Rule(lambda w: ~(w[:, 0] & w[:, 1]), 2.0)
    least, most = bounds(low, high, [rule])
    for p in np.linspace(0.2, 0.6, 9):
        for q in np.linspace(0.3, 0.9, 9):
            inner = corrected(np.array([[p, q]]), [rule])
            assert (inner >= least - 1e-12).all()
            assert (inner <= most + 1e-12).all()


def test_too_many_variables_and_no_probabilities_are_refused() -> None:
    with pytest.raises(UsageError, match="17 variables"):
        corrected(np.full((1, 17), 0.5), [])
    with pytest.raises(UsageError, match="outside"):
        corrected(np.array([[1.5]]), [])
