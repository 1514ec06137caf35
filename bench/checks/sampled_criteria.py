"""Sampled criteria minimised exactly on a table, and what their optimum has to be corrected by."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import exact
from bench.components import Truth, check
from bench.estimators.sampled_criteria import corrected, partial_sum
from bench.seeds import generator

SAMPLED = "On Sampling-Based Training Criteria for Neural Language Modeling"
CLASSES, DRAWS = 4, 2


@check("likelihood/sampled-criteria", area="likelihood", source="enumeration; convex optimisation", papers=(SAMPLED,))
def sampled_criteria() -> list[Truth]:
    """Each criterion's expectation, summed over all that can be drawn, is minimised; corrected, it is the posterior.

    Uncorrected, noise-contrastive scores and those of a sampled softmax are far from it.
    """
    draws = generator(0, "check", "sampled-criteria")
    p, noise = draws.dirichlet(np.ones(CLASSES)), draws.dirichlet(3 * np.ones(CLASSES))

    def binary(against: Float64s) -> Callable[[Float64s], float]:
        # log sigma(s) = -log(1 + e^-s)
        return lambda s: float(p @ np.logaddexp(0, -s) + against @ np.logaddexp(0, s))

    def softmax(s: Float64s) -> float:
        total = 0.0
        for right, *others in product(range(CLASSES), repeat=1 + DRAWS):
            chance = p[right] * noise[others].prod()
            total -= chance * (s[right] - np.logaddexp.reduce(s[[right, *others]]))
        return float(total)

    # Importance weights and full shares make the sum over samples that over all classes, once each.
    found = {
        "noise-contrastive": _least(binary(DRAWS * noise)),
        "importance": _least(binary(np.ones(CLASSES))),
        "sampled-softmax": _least(softmax),
    }
    truths = []
    for name, scores in found.items():
        posterior = np.exp(corrected(scores[None], name, noise, DRAWS).log_probs[0])
        truths.append(Truth(0.0, float(np.abs(posterior - p).max()), 1e-5, f"{name}: posterior, corrected"))
    named = ("noise-contrastive", "sampled-softmax")
    loose = {n: np.exp(corrected(found[n][None], "importance").log_probs[0]) for n in named}
    labels = draws.choice(CLASSES, size=500, p=p)
    self_normalised = corrected(found["noise-contrastive"][None], "noise-contrastive", noise, DRAWS, normalise=False)
    rows = corrected(np.repeat(found["noise-contrastive"][None], 500, axis=0), "noise-contrastive", noise, DRAWS)
    terms = draws.standard_normal(CLASSES)
    subsets = [partial_sum(terms, np.array(s), CLASSES) for s in combinations(range(CLASSES), 2)]
    return [
        *truths,
        *(exact(1.0, float(np.abs(q - p).max() > 0.05), f"{n}: uncorrected, it is not") for n, q in loose.items()),
        Truth(0.0, float(self_normalised.log_sum[0]), 1e-5, "log of the corrected sum, without normalising"),
        Truth(float(np.exp(-np.log(p[labels]).mean())), rows.perplexity(labels), 1e-4, "perplexity, as of the truth"),
        exact(float(terms.sum()), float(np.mean(subsets)), "partial sums, over all subsets"),
    ]


def _least(loss: Callable[[Float64s], float]) -> Float64s:
    from scipy.optimize import minimize

    return np.asarray(minimize(loss, np.zeros(CLASSES), method="BFGS", options={"gtol": 1e-9}).x, dtype=np.float64)
