"""One number of a model that was trained several times: a mean over seeds, unsure by its samples and by its seeds.

Seed s has the value v_s, and sample i adds psi_si to it.  Seeds and samples are crossed random effects, every seed
being asked the same samples: v_s = truth + a_s + p + e_s, where p, of variance C, is what the samples do to all seeds
alike, e_s what they do to that seed alone, and a_s what its training did.  The mean of S values then has the variance

    C + (var a + var e) / S,    estimated by    C + B,    B = (variance of the v_s) / S.

Of the influences' mean over seeds the clusters give V = C + W, with W = (var e) / S; and of what is left of them W
alone, so that C = V - W.  These are the mean squares of readers and cases that Obuchowski and Rockette (1995,
Communications in Statistics - Simulation and Computation 24, 285) found for several readers of the same images.

B has S - 1 degrees of freedom, two for three seeds, and so the interval's half is the root of t(G - 1)^2 C + t(S - 1)^2
B, which covers 95 % at least whatever the shares of the two (Banerjee 1960, Sankhya 22, 331); it is never less than
what the samples alone give, t(G - 1) root V.  With seeds alone it is Student's t on their values; with seeds that all
answer the same it is the interval of any of them.  Satterthwaite's degrees of freedom for C + B (Hillis 2007,
Statistics in Medicine 26, 596) would be narrower, and cover 92 % at three seeds and 87 % at two where the seeds are the
larger part, since of few seeds that happen to agree it makes many degrees of freedom; this one covers 95 to 99 %
throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.arrays import Float64s
from bench.results import Interval
from bench.stats.design import Design, absent, critical_t
from bench.stats.means import Range, clipped, cr1

NO_VARIATION = "none: no variation"


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """What training several times says of a mean over seeds: B and W, in its unit squared, and how many seeds."""

    between: float
    within: float
    count: int


def seeds_of(values: Float64s, contributions: Float64s, d: Design) -> Seeds:
    """B and W of the values (S,) of seeds, S > 1, and the contributions of the same rows to each, (S, n)."""
    count = len(values)
    rest = contributions - contributions.mean(axis=0)
    within = sum(cr1(row, d) ** 2 for row in rest) / (count * (count - 1)) if d.groups > 1 else 0.0
    return Seeds(between=float(values.var(ddof=1)) / count, within=float(within), count=count)


def widened(error: float, groups: int, seeds: Sequence[Seeds]) -> tuple[float, float]:
    """The error of a number of samples in clusters, and its degrees of freedom, with those of its seeds.

    error: root of V, on `groups` clusters.  seeds: of each model that the number is of; those of two models are drawn
    apart.  The degrees of freedom are those with which t times the error is the half of the interval above, so that
    tests and intervals agree.
    """
    if not seeds:
        return error, groups - 1
    half = half_of(error, groups, seeds)
    total = math.sqrt(_common(error, seeds) + sum(s.between for s in seeds))
    if total == 0 or half <= critical_t(groups - 1) * error:
        return error, groups - 1
    least = min(groups, *(s.count for s in seeds)) - 1
    return total, _freedom(half / total, least, max(groups, *(s.count for s in seeds)) - 1)


def half_of(error: float, groups: int, seeds: Sequence[Seeds], *, shape: float = 1.0) -> float:
    """Half of the 95 % interval; shape: how much longer that side of a sample's interval is than t times its error."""
    samples = (shape * critical_t(groups - 1)) ** 2
    trained = sum(critical_t(s.count - 1) ** 2 * s.between for s in seeds)
    return math.sqrt(max(samples * _common(error, seeds) + trained, samples * error**2))


def _common(error: float, seeds: Sequence[Seeds]) -> float:
    """C: of the samples' variance what all seeds share."""
    return max(0.0, error**2 - sum(s.within for s in seeds))


def _freedom(reach: float, least: int, most: int) -> float:
    """Degrees of freedom, within these, at which t's quantile is `reach`."""
    from scipy.optimize import brentq

    if reach >= critical_t(least):
        return float(least)
    if reach <= critical_t(most):
        return float(most)
    return float(brentq(lambda df: critical_t(df) - reach, least, most, xtol=1e-9))


def joined(
    values: Float64s,
    own: Interval,
    contributions: Float64s | None,
    d: Design | None,
    *,
    limits: Range = (None, None),
    biased: bool = False,
) -> tuple[float, Interval]:
    """The mean over seeds with its 95 % interval.

    values: (S,), of the seeds.  own: the interval of the first of them by itself, from which the samples' part takes
    its shape, so that a share's stays within 0 and 1.  contributions: (S, n) by the rows of `d`, or `None` where seeds
    cannot be paired.  Then, and for a biased number, whose bias no mean over seeds takes away, the samples' part is the
    first seed's interval itself, as if all seeds erred alike: wider than need be.
    """
    value, count = float(values.mean()), len(values)
    if count < 2:
        return value, absent("one seed alone says nothing of seeds")
    bare = own.low is None or own.high is None
    if bare and own.method != NO_VARIATION:
        return value, own
    low, high = (0.0 if end is None else end - float(values[0]) for end in (own.low, own.high))
    trained = critical_t(count - 1) * math.sqrt(float(values.var(ddof=1)) / count)
    if contributions is None or d is None or d.groups < 2 or biased or not low <= 0 <= high:
        # Where an interval is not about its value, its bias taken out of it, the middle is what varies.
        centre = 0.0 if low <= 0 <= high else (low + high) / 2
        below, above = math.hypot(centre - low, trained) - centre, math.hypot(high - centre, trained) + centre
    else:
        seeds, error = seeds_of(values, contributions, d), cr1(contributions.mean(axis=0), d)
        alone = critical_t(d.groups - 1) * cr1(contributions[0], d)
        # Of a first seed that knows no error, such as one that was always right, the interval is the least there is.
        below, above = (
            half_of(error, d.groups, [seeds], shape=side / alone)
            if alone > 0 and side > 0
            else max(half_of(error, d.groups, [seeds]), side)
            for side in (-low, high)
        )
    if below == above == 0:
        return value, own
    method = f"t over {count} seeds" if bare else f"{own.method}, over {count} seeds" if trained > 0 else own.method
    return value, clipped(value - below, value + above, limits, method)
