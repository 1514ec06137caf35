"""How alike two texts are, for many given pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable
from bench.semantics.entailment import Pair, entailment
from bench.semantics.relations import PLAIN, require


def likeness(pairs: Sequence[Pair], relation: str, model: str = "") -> Float64s:
    """Likeness in [0, 1] of each pair, (pairs,); of nli the mean of both directions' P(entailment).

    embedding is not for texts that no model has read: `NotApplicable`.
    """
    require(relation)
    if relation == "nli":
        judge = entailment(model)
        both = judge([*pairs, *((b, a) for a, b in pairs)])[:, 0].reshape(2, -1)
        same = np.array([a == b for a, b in pairs], dtype=bool)
        return np.where(same, 1.0, both.mean(axis=0))
    if relation not in PLAIN:
        raise NotApplicable(f"relation={relation} knows only texts that the model generated")
    alike = PLAIN[relation]
    known = {pair: alike(*pair) for pair in set(pairs)}
    return np.array([known[pair] for pair in pairs], dtype=np.float64)
