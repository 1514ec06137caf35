"""The bound of the earth mover's distance against linear programming."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.earth_mover import bounded_distance, moved_distance, token_costs, total_variation
from bench.seeds import generator

EMO = "EMO: Earth Mover Distance Optimization for Auto-Regressive Language Modeling"


@check("likelihood/earth-mover", area="likelihood", source="Kantorovich 1942; linear programming", papers=(EMO,))
def earth_mover() -> list[Truth]:
    """The bound is the distance itself where one side is a single token, and above it elsewhere.

    With all embeddings orthogonal a cost is 1 for every two tokens, and the distance is total variation.  The gradient
    of a sum over softmax logits is Q (C P - DEMD).
    """
    import torch

    draws = generator(0, "check", "earth-mover")
    vocabulary = 12
    embeddings = draws.standard_normal((vocabulary, 5))
    costs = token_costs(embeddings)
    q, p = draws.dirichlet(np.ones(vocabulary), 6), draws.dirichlet(np.ones(vocabulary), 6)
    tokens = draws.integers(0, vocabulary, 6)
    hot = np.eye(vocabulary)[tokens]
    true_hot = np.array([moved_distance(a, b, costs) for a, b in zip(q, hot, strict=True)])
    true_soft = np.array([moved_distance(a, b, costs) for a, b in zip(q, p, strict=True)])
    soft = bounded_distance(q, p, embeddings)
    apart = moved_distance(q[0], p[0], token_costs(np.eye(vocabulary)))
    logits = torch.as_tensor(np.log(q)).requires_grad_()
    said = torch.einsum("nv,vw,nw->", logits.softmax(dim=1), torch.as_tensor(costs), torch.as_tensor(p))
    (gradient,) = torch.autograd.grad(said, logits)
    return [
        Truth(0.0, float(np.abs(bounded_distance(q, tokens, embeddings) - true_hot).max()), 1e-8, "one token came"),
        exact(0.0, float(np.abs(bounded_distance(q, hot, embeddings) - bounded_distance(q, tokens, embeddings)).max()),
              "as a token and as a distribution"),
        exact(0.0, float(np.abs(soft - np.einsum("nv,vw,nw->n", q, costs, p)).max()), "Q' C P without C"),
        exact(1.0, float((soft >= true_soft - 1e-9).all() and (soft > true_soft + 1e-3).all()), "above, for soft P"),
        exact(0.0, float(np.abs(bounded_distance(hot, tokens, embeddings)).max()), "the token that came, for sure"),
        Truth(float(total_variation(q[0], p[0])), apart, 1e-8, "orthogonal embeddings: total variation"),
        exact(0.0, float(np.abs(gradient.numpy() - q * (p @ costs - soft[:, None])).max()), "gradient"),
    ]  # fmt: skip
