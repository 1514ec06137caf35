"""Prompts without order against the theorem, and order dependence on responders whose every answer is known."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from bench.arrays import Bools
from bench.checks.calibration_profiles import asked_in_all_orders
from bench.checks.cases import exact, measured
from bench.checks.language import tiny_model
from bench.components import Truth, check
from bench.language import UnorderedPrompt
from bench.metrics.order_dependence import PAPERS, SOURCE
from bench.models.hf.unordered import layout


@check("reasoning/order-dependence", area="reasoning", source=SOURCE, papers=PAPERS)
def order_dependence() -> list[Truth]:
    """All 24 orders of four parts on a random transformer: one answer as a set, several as usual; rates by hand."""
    model = tiny_model(3)
    parts = ("ab", "c", "dca", "bb")
    orders = list(permutations(parts))
    as_sets = [s.total for s in model.score_sets([(UnorderedPrompt("a", order, "d"), "bc") for order in orders])]
    as_text = [s.total for s in model.score([("a" + "".join(order) + "d", "bc") for order in orders])]
    (alone,) = model.score_sets([(UnorderedPrompt("a", ("bcd",), "a"), "bc")])
    (usual,) = model.score([("abcda", "bc")])
    positions, seen = layout(2, (3, 1, 2), 2)
    always_first = asked_in_all_orders(np.array([[0.5, 0.3, 0.2]]), np.array([1.0, 1e-300, 1e-300]))
    constant = asked_in_all_orders(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), np.ones(3))
    return [
        exact(0.0, max(as_sets) - min(as_sets), "spread over all orders, as a set"),
        Truth(1, float(max(as_text) - min(as_text) > 1e-3), 0, "orders matter as text"),
        exact(usual.total, alone.total, "a set of one is the usual prompt"),
        Truth(0, int((seen != _seen(2, (3, 1, 2), 2)).sum()), 0, "mask built token by token"),
        exact(0.0, float(np.abs(positions - np.array([0, 1, 2, 3, 4, 2, 2, 3, 5, 6])).max()), "positions by hand"),
        # Each choice stands first in 2 of 6 orders: of 15 pairs of orders 3 agree.
        exact(12 / 15, measured("order-flip-rate", always_first), "flips of one that says A"),
        exact(1.0, measured("accuracy-best-order", always_first), "best order of one that says A"),
        exact(0.0, measured("accuracy-worst-order", always_first), "worst order of one that says A"),
        exact(0.0, measured("order-flip-rate", constant), "flips of one that knows"),
        exact(1.0, measured("accuracy-worst-order", constant), "worst order of one that knows"),
    ]


def _seen(prefix: int, parts: tuple[int, ...], rest: int) -> Bools:
    """Who sees whom, pair by pair: owners -1 (prefix), the part's number, or -2 (rest)."""
    owner = [-1] * prefix + [k for k, size in enumerate(parts) for _ in range(size)] + [-2] * rest
    n = len(owner)
    return np.array([[j <= i and (owner[j] == -1 or owner[i] in (-2, owner[j])) for j in range(n)] for i in range(n)])
