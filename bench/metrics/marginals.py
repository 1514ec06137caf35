"""Metrics of models that give the probability of any part of a sample."""

from __future__ import annotations

from bench.components import PerSample, metric, per_sample
from bench.records.marginals import Marginals

MAM = "Generative Marginalization Models"
CHECK = "likelihood/marginalisation"


@metric(
    "self-consistency",
    of=Marginals,
    area="likelihood",
    better="lower",
    unit="nats²",
    range=(0, None),
    source="Liu, Ramadge and Adams 2024",
    papers=(MAM,),
    check=CHECK,
)
def self_consistency(record: Marginals) -> PerSample:
    """Mean square of log p(seen) + log p(one more | seen) - log p(both): 0 where marginals and conditionals agree."""
    return per_sample(record.residual**2)


@metric(
    "chain-gap",
    of=Marginals,
    area="likelihood",
    better="none",
    unit="nats",
    source="Liu, Ramadge and Adams 2024",
    papers=(MAM,),
    check=CHECK,
)
def chain_gap(record: Marginals) -> PerSample:
    """Mean of the log-mass that one pass gives less the one that the conditionals give: 0 for one consistent model.

    Conditionals are always a distribution; a pass that gives more than they do claims mass that is not there.
    """
    return per_sample(record.log_prob - record.chained)
