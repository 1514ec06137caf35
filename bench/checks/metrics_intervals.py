"""Intervals: closed forms, and coverage where it is exactly known."""

from __future__ import annotations

import math

import numpy as np

from bench.checks.cases import ERRORS, exact
from bench.components import Truth, check
from bench.seeds import generator
from bench.stats.bootstrap import replicates
from bench.stats.design import design
from bench.stats.means import mean
from bench.stats.wilson import wilson


@check("stats/wilson-roots", area="general", source="Wilson 1927")
def wilson_roots() -> list[Truth]:
    """Each end p of Wilson's interval lies just z standard errors, taken at p itself, from the observed share."""
    z = 1.959963984540054
    found: list[Truth] = []
    for hits, n in ((9, 10), (1, 30), (500, 1000)):
        share = hits / n
        found += [
            exact(z, abs(share - end) / math.sqrt(end * (1 - end) / n), f"{hits} of {n}, end {end:.4f}")
            for end in wilson(share, n, z)
        ]
    return [*found, exact(z**2 / (10 + z**2), wilson(0.0, 10, z)[1], "0 of 10: z^2 / (n + z^2)")]


@check("stats/t-on-clusters", area="general", source="Student 1908, on cluster means")
def t_on_clusters() -> list[Truth]:
    """Clusters of equal size with normal means: t with G - 1 degrees of freedom covers 95 % exactly, for any G."""
    rng = generator(0, "t-on-clusters")
    repetitions = 2000
    found = []
    for clusters in (3, 10):
        d = design(clusters * 5, groups=np.repeat(np.arange(clusters), 5))
        covered = 0
        for _ in range(repetitions):
            ends = mean(np.repeat(rng.normal(size=clusters), 5) + rng.normal(size=clusters * 5), d).interval
            covered += ends.low is not None and ends.high is not None and ends.low <= 0 <= ends.high
        error = math.sqrt(0.95 * 0.05 / repetitions)
        found.append(Truth(0.95, covered / repetitions, ERRORS * error, f"coverage, {clusters} clusters of 5"))
    return found


@check("stats/bootstrap-variance", area="general", source="Efron 1979")
def bootstrap_variance() -> list[Truth]:
    """The bootstrap's variance of a mean is s^2 / n with n in the denominator of s^2, over rows or over clusters."""
    x = generator(0, "bootstrap-variance").normal(size=200)
    found = []
    for size in (1, 5):
        groups = np.repeat(np.arange(200 // size), size)
        d = design(200, groups=groups)
        draws = replicates(lambda w: w @ x / w.sum(axis=1), d, seed=1, resamples=4000)
        each = x.reshape(-1, size).mean(axis=1)
        truth = float(each.var() / len(each))
        found.append(
            Truth(truth, float(draws.var(ddof=1)), ERRORS * truth * math.sqrt(2 / 3999), f"clusters of {size}")
        )
    return found
