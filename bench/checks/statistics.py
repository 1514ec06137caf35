"""Tests and decisions: sizes by exact enumeration, closed forms, and simulations whose error is known."""

from __future__ import annotations

import math

import numpy as np

from bench.arrays import Float64s
from bench.checks.cases import ERRORS, exact
from bench.components import Truth, check
from bench.seeds import generator
from bench.stats.betting import first_reach, log_wealth
from bench.stats.delong import covariance
from bench.stats.design import design
from bench.stats.maxt import max_t
from bench.stats.mcnemar import p_values
from bench.stats.multiplicity import adjusted
from bench.stats.paired import paired_means, sign_flip
from bench.stats.power import detectable, power_of_t
from bench.stats.ranks import rank_sets
from bench.stats.tango import ends, score

Z = 1.959963984540054


def rate(truth: float, hits: float, repetitions: int, label: str) -> Truth:
    """A simulated share against its truth: within 4.5 binomial standard errors."""
    return Truth(truth, hits / repetitions, ERRORS * math.sqrt(truth * (1 - truth) / repetitions), label)


@check("stats/paired-size", area="general", source="Liang and Zeger 1986; Fisher 1935")
def paired_size() -> list[Truth]:
    """No difference, 30 clusters of 10 with normal effects: t on clusters and sign flips reject in 5 % of cases."""
    rng = generator(0, "paired-size")
    groups = np.repeat(np.arange(30), 10)
    d, repetitions = design(300, groups=groups), 1000
    rejected = np.zeros(2)
    for i in range(repetitions):
        x = rng.normal(size=30)[groups] + rng.normal(size=300)
        found = paired_means(x, np.zeros(300), d).p_value
        rejected += [found is not None and found < 0.05, sign_flip(x, d, seed=i, flips=199) <= 0.05]
    return [rate(0.05, h, repetitions, name) for h, name in zip(rejected, ("t(CR1)", "sign flips"), strict=True)]


@check("stats/sign-flip-levels", area="general", source="enumeration of 2^G signs")
def sign_flip_levels() -> list[Truth]:
    """All differences positive: only the two constant sign patterns are as extreme, p = 2 / 2^G."""
    x = generator(0, "sign-flip-levels").uniform(0.1, 1, 12)
    return [exact(2 / 2**g, sign_flip(x[:g], design(g), seed=0), f"{g} clusters") for g in (3, 8, 12)]


@check("stats/mcnemar-levels", area="general", source="Fagerland, Lydersen and Laake 2013")
def mcnemar_levels() -> list[Truth]:
    """Against the binomial: p for 9 of 10 discordant items is 2 (1 + 10) / 2^10, mid-p half of the last term less."""
    exact_p, mid = p_values(np.array([9, 5, 0]), np.array([1, 5, 0]))
    return [
        exact(22 / 1024, float(exact_p[0]), "9 to 1, exact"),
        exact(12 / 1024, float(mid[0]), "9 to 1, mid-p"),
        exact(1.0, float(exact_p[1]), "5 to 5, exact"),
        exact(1 - 126 / 1024, float(mid[1]), "5 to 5, mid-p"),
        exact(1.0, float(mid[2]), "nothing discordant"),
    ]


@check("stats/tango-limits", area="general", source="Tango 1998; Fagerland, Lydersen and Laake 2014")
def tango_limits() -> list[Truth]:
    """Limiting cases in closed form: McNemar at no difference, Wilson's z^2 / (n + z^2), and a published interval."""
    found = [exact(9 / math.sqrt(21), float(score(15, 6, 100, 0.0)), "difference 0: McNemar's z")]
    for n in (8, 300):
        high, low = float(ends(0, 0, n, Z)[1]), float(ends(n, 0, n, Z)[0])
        found += [
            Truth(Z**2 / (n + Z**2), high, 1e-9, f"{n} items, none discordant: upper end"),
            Truth((n - Z**2) / (n + Z**2), low, 1e-9, f"{n} items, all gained: lower end"),
        ]
    low, high = (float(e) for e in ends(1, 7, 21, Z))
    return [
        *found,
        Truth(-0.517, low, 5e-4, "1 and 7 of 21, lower end as published"),
        Truth(-0.026, high, 5e-4, "1 and 7 of 21, upper end as published"),
    ]


@check("stats/multiplicity-tables", area="general", source="Holm 1979; Benjamini and Hochberg 1995; worked by hand")
def multiplicity_tables() -> list[Truth]:
    """Values .005, .01, .03, .04: adjusted by hand."""
    p = np.array([0.04, 0.01, 0.03, 0.005])
    truths = {
        "holm": (0.06, 0.03, 0.06, 0.02),
        "hochberg": (0.04, 0.03, 0.04, 0.02),
        "bh": (0.04, 0.02, 0.04, 0.02),
        "by": (25 / 300, 25 / 600, 25 / 300, 25 / 600),
    }
    return [
        exact(t, float(a), f"{method}, p = {q}")
        for method, row in truths.items()
        for t, a, q in zip(row, adjusted(p, method), p, strict=True)  # type: ignore[arg-type]
    ]


def _correlated(rng: np.random.Generator, groups: int, checks: int) -> Float64s:
    return math.sqrt(0.8) * rng.normal(size=(groups, 1)) + math.sqrt(0.2) * rng.normal(size=(groups, checks))


@check("stats/max-t-size", area="general", source="Westfall and Young 1993; Romano and Wolf 2005")
def max_t_size() -> list[Truth]:
    """Twenty checks with correlation 0.8 and nothing in them: any is rejected in 5 % of cases, not fewer."""
    rng = generator(0, "max-t-size")
    repetitions, false = 600, 0
    for i in range(repetitions):
        x = _correlated(rng, 50, 20)
        false += bool((max_t(x.mean(axis=0), x / 50, seed=i, resamples=199).p_values <= 0.05).any())
    return [rate(0.05, false, repetitions, "family-wise error")]


@check(
    "stats/rank-sets",
    area="general",
    source="Mogstad, Romano, Shaikh and Wilhelm 2024",
)
def rank_set_coverage() -> list[Truth]:
    """Six models that tie: all ranks are in their sets at once in 95 % of cases, where the bootstrap of ranks fails."""
    rng = generator(0, "rank-sets")
    repetitions, held = 500, 0
    for i in range(repetitions):
        x = _correlated(rng, 40, 6)
        found = rank_sets(x.mean(axis=0), x / 40, seed=i, resamples=199)
        held += bool(((found.low == 1) & (found.high == 6)).all())
    return [rate(0.95, held, repetitions, "coverage of all ranks")]


@check("stats/delong-variance", area="ood", source="DeLong, DeLong and Clarke-Pearson 1988; Bamber 1975")
def delong_variance() -> list[Truth]:
    """Equal distributions: (m + n + 2) / (12 m n) on average, 1 / (12 m n) above Bamber's truth; covariance 0."""
    rng = generator(0, "delong-variance")
    positive = np.arange(70) < 30
    found = [covariance(rng.normal(size=(2, 70)), positive)[1] for _ in range(400)]
    draws = np.array([[c[0, 0], c[0, 1]] for c in found])
    errors = ERRORS * draws.std(axis=0, ddof=1) / math.sqrt(len(draws))
    return [
        Truth((30 + 40 + 2) / (12 * 30 * 40), float(draws[:, 0].mean()), float(errors[0]), "variance"),
        Truth(0.0, float(draws[:, 1].mean()), float(errors[1]), "covariance"),
    ]


@check("stats/detectable", area="general", source="non-central t")
def detectable_difference() -> list[Truth]:
    """(z_.975 + z_.8) errors with many clusters; without a difference the power is alpha."""
    return [
        Truth(Z + 0.8416212335729143, detectable(1.0, math.inf, alpha=0.025, sides=1), 1e-8, "normal limit, power 0.8"),
        exact(0.05, power_of_t(0.0, 1.0, 19), "power at no difference"),
    ]


@check("stats/betting-martingale", area="general", source="Ville 1939; Waudby-Smith and Ramdas 2024")
def betting_martingale() -> list[Truth]:
    """Over all 2^10 streams of -1 and 1 wealth averages 1; it ever reaches 40 in at most 1 / 40 of them."""
    streams = np.where(np.arange(1 << 10)[:, None] >> np.arange(10) & 1, -1.0, 1.0)
    log = log_wealth(streams, 0.0, side="greater", limits=(-1.0, 1.0))
    reached = float((first_reach(log, alpha=0.025) > 0).mean())
    return [
        exact(1.0, float(np.exp(log[:, -1]).mean()), "mean wealth after 10"),
        exact(1.0, float(np.exp(log[:, 4]).mean()), "mean wealth after 5"),
        exact(0.0, max(0.0, reached - 0.025), "excess over Ville's bound"),
    ]
