"""Simulation-based inference on a simulator whose posterior is known, with faults that some tests see and some miss."""

from __future__ import annotations

import numpy as np

from bench.checks.cases import ERRORS, exact, measured, simulated
from bench.components import Truth, check
from bench.metrics.posterior import CHECK, EPE, c2st, levels, uniform_p
from bench.models.posteriors import GaussianPosterior, exact_posterior, gaussian_posterior
from bench.records.posterior import Posterior
from bench.references.simulators import entropy, five, neighbour_entropy
from bench.seeds import generator
from bench.tasks.likelihood.simulators import ask, likelihood_linear_gaussian, summarised


def answered(model: GaussianPosterior, summary: str = "all") -> Posterior:
    """The record of a posterior on the task."""
    examples = likelihood_linear_gaussian(0, summary)
    model.fit(examples.split("train"), 0)
    test = examples.split("test")
    record = ask(model, None, test, 0, {"ids": test.ids})
    assert isinstance(record, Posterior)  # noqa: S101 - for the type checker
    return record


@check(CHECK, area="likelihood", source="closed form; Gibbs' inequality", papers=(EPE,))
def simulation_based_inference() -> list[Truth]:
    """Entropies in closed form, what a summary loses, and which test sees which fault."""
    simulator, coarse = five(), summarised("mean")
    full, mean = answered(exact_posterior()), answered(exact_posterior(), "mean")
    learnt = answered(gaussian_posterior())
    prior = answered(exact_posterior(blind=True))
    apart = answered(exact_posterior(correlation=0.9))
    narrow, shifted = answered(exact_posterior(scale=0.7)), answered(exact_posterior(shift=0.3))
    points = generator(0, "neighbours").multivariate_normal(np.zeros(5), simulator.spread, size=3000)
    lost = simulator.information - coarse.information
    return [
        simulated(entropy(simulator.spread), -full.log_prob, "expected posterior entropy, all numbers seen"),
        simulated(entropy(coarse.spread), -mean.log_prob, "the same, their mean seen"),
        exact(lost, entropy(coarse.spread) - entropy(simulator.spread), "difference: what the summary loses"),
        simulated(entropy(np.eye(5)), -prior.log_prob, "of the prior"),
        Truth(0.0, measured("excess-posterior-entropy", learnt), 0.02, "excess of a posterior fitted to 2,000 runs"),
        Truth(entropy(simulator.spread), neighbour_entropy(points), 0.15, "entropy by neighbours of 3,000 draws"),
        *(_seen(name, record, *seen) for name, record, *seen in (
            ("exact", full, False, False, False),
            ("too narrow", narrow, True, True, True),
            ("mean shifted: TARP misses it", shifted, True, False, True),
            ("wrong correlation: SBC misses it", apart, False, True, True),
            ("prior in place of posterior: all three miss it", prior, False, False, False),
        )),
        Truth(0.5, float(c2st(full).values.mean()), ERRORS / (4 * len(full)) ** 0.5, "C2ST of the exact posterior"),
        exact(1.0, float(c2st(prior).values.mean() > 0.75), "C2ST finds the prior out"),
    ]  # fmt: skip


def _seen(name: str, record: Posterior, sbc: bool, tarp: bool, coverage: bool) -> Truth:
    """Whether rank, TARP and coverage tests reject at 1e-3 as they should, bit by bit."""
    ranks = min(uniform_p(column) for column in levels(record).T) * record.ranks.shape[1]
    found = [p < 1e-3 for p in (ranks, uniform_p(record.nearer), uniform_p(record.denser))]
    wanted, got = (sum(b << k for k, b in enumerate(bits)) for bits in ((sbc, tarp, coverage), found))
    return exact(float(wanted), float(got), f"{name}: seen by SBC {sbc:d}, TARP {tarp:d}, coverage {coverage:d}")
