"""How near searches came to a minimum that is known."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.records import Searches

CHECK = "uncertainty/optimisation"
STUDY = ("A Study of Bayesian Neural Network Surrogates for Bayesian Optimization",)


@metric(
    "simple-regret",
    of=Searches,
    area="uncertainty",
    better="lower",
    unit="units of the function",
    range=(0, None),
    source="Shahriari et al. 2016, Taking the Human Out of the Loop",
    papers=STUDY,
    check=CHECK,
)
def simple_regret(record: Searches) -> PerSample:
    """Mean over searches of the least value found less the known minimum."""
    return per_sample(record.regrets[:, -1])


@metric(
    "mean-regret",
    of=Searches,
    area="uncertainty",
    better="lower",
    unit="units of the function",
    range=(0, None),
    source="mean of the simple regret over the evaluations",
    papers=STUDY,
    check=CHECK,
)
def mean_regret(record: Searches) -> PerSample:
    """Mean over searches and over their evaluations of the least value so far less the known minimum.

    Lower where the minimum is neared early, not only at the end.
    """
    return per_sample(record.regrets.mean(axis=1))
