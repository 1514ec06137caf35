"""Basis-aware truncation against its theorem, on vocabularies where the true distribution can be made."""

from __future__ import annotations

from collections import Counter

import numpy as np

from bench.checks.language import CONTEXT, chi_squared, paths, table, tiny_model
from bench.components import Truth, check
from bench.decisions import Prompt
from bench.decoders.basis_aware import BasisAware, bat, directions, feasible


@check("basis-aware", area="reasoning", source="Finlayson et al. 2024; true distributions made inside the bounds")
def basis_aware() -> list[Truth]:
    """No token of true probability 0 is ever proved possible; a basis of full rank proves the others; none proves none.

    True distributions p, some of them with zeros, are made first; the model's p̂ is then the projection that the bounds
    allow: it agrees with p on the basis, and (1 - tau) p ≤ p̂.  Texts follow the model's law cut to the accepted tokens.
    """
    stream = np.random.default_rng(0)
    size, rank, tau = 12, 4, 0.3
    accepted = made = 0
    for _ in range(40):
        basis = stream.normal(size=(size, rank))
        true = stream.dirichlet(np.full(size, 0.6)) * (stream.random(size) > 0.3)
        if true.sum() == 0:
            continue
        true /= true.sum()
        # A direction that the basis does not see and that moves no mass in all, cut to the bounds.
        seen = np.vstack([basis.T, np.ones(size)])
        unseen = np.linalg.svd(seen)[2][rank + 1 :]
        move = unseen.T @ stream.normal(size=len(unseen))
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(move < 0, tau * true / -move, np.inf)
        probs = true + move * min(1.0, float(room.min()))
        if not (probs >= -1e-12).all():
            continue
        probs = np.maximum(probs, 0) / np.maximum(probs, 0).sum()
        aware = BasisAware(basis, 1.0, 1.0)
        aware.tau = tau
        for token in np.flatnonzero(true == 0):
            made += 1
            accepted += not feasible(probs, basis, tau, int(token))
    out = [Truth(0, accepted, 0, f"of {made} tokens of true probability 0, proved possible")]
    out.append(Truth(1, float(made > 50), 0, "there were more than 50 such tokens"))
    probs = stream.dirichlet(np.ones(size))
    full = [not feasible(probs, np.eye(size), tau, k) for k in range(size)]
    out.append(Truth(size, sum(full), 0, "tokens proved possible where the basis is everything"))
    none = [not feasible(probs, np.zeros((size, 0)), tau, k) for k in range(size) if probs[k] < tau]
    out.append(Truth(0, sum(none), 0, "tokens proved possible where it is nothing"))
    return [*out, *_sampled()]


def _sampled() -> list[Truth]:
    """Texts drawn by the decoder against the law of the model cut to what the linear programmes accept."""
    from scipy.special import chdtri

    model, n, tau = tiny_model(), 400, 0.25
    basis = directions(model.output_embedding(), 2)
    aware = BasisAware(basis, tau)
    cut = {}
    for past, row in table(model, CONTEXT).items():
        probs = np.exp(row)
        kept = np.array([k == probs.argmax() or aware.accepts(probs, k) for k in range(len(probs))])
        cut[past] = np.where(kept, probs, 0) / probs[kept].sum()
    asked = [Prompt(str(k), CONTEXT, lambda text: text or None, (), 3) for k in range(n)]
    found = bat(model, asked, 0, tau=tau, rank=2)
    seen = Counter(tuple(decision.pool[0].token_ids.tolist()) for decision in found)
    law = paths(cut)
    statistic, freedom = chi_squared(law, seen, n)
    quantile = float(chdtri(freedom, 1e-5))
    impossible = sum(count for path, count in seen.items() if law.get(path, 0.0) == 0)
    removed = sum(int((row == 0).sum()) for row in cut.values())
    return [
        Truth(freedom, statistic, quantile - freedom, f"χ² of {n} texts"),
        Truth(0, impossible, 0, f"texts with a token that is cut ({removed} are)"),
    ]
