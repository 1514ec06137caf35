"""Uncertainty split: what an ensemble's members disagree about (epistemic), and what each is unsure of (aleatoric)."""

from __future__ import annotations

from bench.arrays import Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.records import Classification, Regression
from bench.scores.uncertainty import disagreement, members_of, mixture, shannon

SPLIT = "Depeweg et al. 2018, Decomposition of Uncertainty in Bayesian Deep Learning"


@metric(
    "epistemic",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    range=(0, None),
    biased=True,
    source=SPLIT,
    check="uncertainty/entropy-split",
)
def epistemic(record: Classification) -> PerSample:
    """Mean mutual information between the outcome and the member: entropy of the mixture less the mean entropy.

    Biased low for few members, which cannot show all the disagreement that many would: to first order by a factor
    (M - 1) / M, and never above log M.  Compare ensembles of one size.
    """
    return per_sample(disagreement(members_of(record)))


@metric(
    "aleatoric",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    range=(0, None),
    source=SPLIT,
    check="uncertainty/entropy-split",
)
def aleatoric(record: Classification) -> PerSample:
    """Mean entropy of the members' own distributions; unbiased by their number."""
    return per_sample(shannon(members_of(record)).mean(axis=1))


@metric(
    "total-entropy",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    range=(0, None),
    biased=True,
    source=SPLIT,
    check="uncertainty/entropy-split",
)
def total_entropy(record: Classification) -> PerSample:
    """Mean entropy of the members' mixture: `epistemic` plus `aleatoric`, and biased low as the former is."""
    return per_sample(shannon(mixture(members_of(record))))


def _means(record: Regression) -> Float64s:
    if record.member_means is None or record.member_means.shape[1] < 2:
        raise NotApplicable("the record has no ensemble: 'member_means' holds fewer than two")
    return record.member_means


@metric(
    "epistemic-variance",
    of=Regression,
    area="uncertainty",
    better="none",
    unit="units of y, squared",
    range=(0, None),
    source="law of total variance; Lakshminarayanan et al. 2017, Deep Ensembles",
    check="uncertainty/variance-split",
)
def epistemic_variance(record: Regression) -> PerSample:
    """Mean variance of the members' means, with M - 1 degrees of freedom: unbiased for that of all such members.

    The variance of the mixture of just these M members has M in its place, a factor (M - 1) / M less.
    """
    return per_sample(_means(record).var(axis=1, ddof=1))


@metric(
    "aleatoric-variance",
    of=Regression,
    area="uncertainty",
    better="none",
    unit="units of y, squared",
    range=(0, None),
    source="law of total variance; Lakshminarayanan et al. 2017, Deep Ensembles",
    check="uncertainty/variance-split",
)
def aleatoric_variance(record: Regression) -> PerSample:
    """Mean of the variances that the members themselves forecast."""
    if record.member_stds is None:
        raise NotApplicable("the record has no 'member_stds'")
    return per_sample((record.member_stds**2).mean(axis=1))
