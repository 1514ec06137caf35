"""Marginalisation models on a ring of spins, whose every subset can be summed by hand."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.marginals import Table, chain_gap, ising, residuals
from bench.metrics.marginals import MAM
from bench.seeds import generator

SPINS, COUPLING, FIELD = 8, 0.4, 0.1


@check("likelihood/marginalisation", area="likelihood", source="transfer matrix of the Ising ring", papers=(MAM,))
def marginalisation() -> list[Truth]:
    """An exact table is consistent and normalised; a perturbed one is found out by as much as it was perturbed."""
    states, log_mass = ising(SPINS, COUPLING, FIELD)
    table, draws = Table(states, log_mass, 2), generator(0, "marginalisation")
    transfer = np.exp([[COUPLING + FIELD, -COUPLING], [-COUPLING, COUPLING - FIELD]])
    log_z = float(np.log(np.trace(np.linalg.matrix_power(transfer, SPINS))))
    whole = np.ones(states.shape, dtype=bool)
    seen = whole.copy()
    seen[:, ::2] = False
    key = states[:, 1::2] @ (2 ** np.arange(SPINS // 2))
    summed = np.bincount(key, weights=table.mass)[key]

    def scaled(rows: np.ndarray, over: np.ndarray) -> np.ndarray:
        return table.marginal(rows, over) + 0.3 * over.sum(axis=1)

    nothing = table.marginal(states[:1], ~whole[:1])
    order = draws.permutation(SPINS)[None]
    return [
        exact(log_z, float(np.logaddexp.reduce(log_mass)), "log Z of the ring, by its transfer matrix"),
        exact(1.0, float(np.exp(table.marginal(states, whole)).sum()), "masses of all states"),
        exact(0.0, float(nothing[0]), "log-probability of nothing seen"),
        exact(0.0, float(np.abs(np.exp(table.marginal(states, seen)) - summed).max()), "marginals of four spins"),
        exact(0.0, float(residuals(table.marginal, table.conditional, states, draws).max()), "residual of the table"),
        exact(0.09, float(residuals(scaled, table.conditional, states, draws).mean()), "of one off by .3 a variable"),
        exact(
            0.0,
            float(np.abs(chain_gap(table.marginal, table.conditional, states, order)).max()),
            "one pass against the chain of eight conditionals",
        ),
        exact(
            8 * 0.3, float(chain_gap(scaled, table.conditional, states, order).mean()), "of one off by .3 a variable"
        ),
    ]
