"""How an ensemble's members differ: in their votes, their errors and their distributions."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s
from bench.components import NotApplicable, PerSample, metric, per_sample
from bench.metrics.judged import with_classes
from bench.records import Classification, Regression
from bench.scores.uncertainty import disagreement, members_of, mixture

KUNCHEVA = "Kuncheva and Whitaker 2003, Measures of Diversity in Classifier Ensembles"


def _right(record: Classification) -> Bools:
    """Whether each member's most probable class came true, (n, M)."""
    members = members_of(record)
    with_classes(record)
    return members.argmax(axis=2) == record.labels[:, None]


@metric(
    "vote-disagreement",
    of=Classification,
    area="uncertainty",
    better="none",
    range=(0, 1),
    default=False,
    source="Skalak 1996; pairwise disagreement of votes",
    check="uncertainty/diversity",
)
def vote_disagreement(record: Classification) -> PerSample:
    """Share of pairs of members whose most probable classes differ; unbiased by the number of members."""
    members = members_of(record)
    m, classes = members.shape[1:]
    votes = (members.argmax(axis=2)[:, :, None] == np.arange(classes)).sum(axis=1)
    return per_sample(1 - (votes * (votes - 1)).sum(axis=1) / (m * (m - 1)))


@metric(
    "double-fault",
    of=Classification,
    area="uncertainty",
    better="lower",
    range=(0, 1),
    default=False,
    source=f"Giacinto and Roli 2001; {KUNCHEVA}",
    check="uncertainty/diversity",
)
def double_fault(record: Classification) -> PerSample:
    """Share of pairs of members that are both wrong: what no vote can mend."""
    right = _right(record)
    m, wrong = right.shape[1], (~right).sum(axis=1)
    return per_sample(wrong * (wrong - 1) / (m * (m - 1)))


@metric(
    "q-statistic",
    of=Classification,
    area="uncertainty",
    better="none",
    range=(-1, 1),
    default=False,
    source=f"Yule 1900; {KUNCHEVA}",
    check="uncertainty/diversity",
)
def q_statistic(record: Classification, w: Float64s) -> Float64s:
    """Yule's Q of being right, mean over pairs of members: (ab - cd) / (ab + cd).

    a, b: both right, both wrong; c, d: only one of them.  0 for independent members, 1 where they are right on the same
    samples, negative where they err on different ones.  Pairs for which it is 0 / 0 are left out.  w: (B, n); returns
    (B,).
    """
    right = _right(record).astype(np.float64)
    first, second = np.triu_indices(right.shape[1], k=1)
    total = w.sum(axis=1, keepdims=True)
    both = w @ (right[:, first] * right[:, second])
    each = w @ right
    only_first, only_second = each[:, first] - both, each[:, second] - both
    neither = total - both - only_first - only_second
    # Differences of sums may miss 0 by a rounding, which a quotient of two such would blow up.
    only_first, only_second, neither = (np.where(x > 1e-12 * total, x, 0.0) for x in (only_first, only_second, neither))
    together, apart = both * neither, only_first * only_second
    known = together + apart > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        q = np.where(known, (together - apart) / (together + apart), 0.0)
        return q.sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan)


@metric(
    "kl-diversity",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    range=(0, None),
    default=False,
    source="Malinin and Gales 2021, arXiv:2002.07650: expected pairwise KL divergence",
    check="uncertainty/diversity",
)
def kl_diversity(record: Classification) -> PerSample:
    """Mean Kullback-Leibler divergence over ordered pairs of different members: an upper bound on `epistemic`.

    Unbiased by the number of members; infinite where one member excludes what another holds possible.
    """
    logs = members_of(record)
    m = logs.shape[1]
    probs = np.exp(logs)
    possible = probs > 0
    own = (probs * np.where(possible, logs, 0.0)).sum(axis=(1, 2))
    # What one excludes and another holds possible, by counts of members.
    excluded = ((np.isneginf(logs).sum(axis=1) > 0) & (possible.sum(axis=1) > 0)).sum(axis=1) > 0
    cross = (probs.sum(axis=1) * np.where(np.isfinite(logs), logs, 0.0).sum(axis=1)).sum(axis=1)
    return per_sample(np.where(excluded, np.inf, np.maximum((m * own - cross) / (m * (m - 1)), 0.0)))


@metric(
    "jensen-gap",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    range=(0, None),
    default=False,
    source="Abe et al. 2022, arXiv:2202.06985; Wood et al. 2023, A Unified Theory of Diversity",
    check="uncertainty/diversity",
)
def jensen_gap(record: Classification) -> PerSample:
    """What the mixture gains in NLL over its members: mean member NLL less that of the equal mixture, at least 0."""
    members = members_of(record)
    with_classes(record)
    rows = np.arange(len(record))
    of_label = members[rows, :, record.labels]
    mixed = mixture(members)[rows, record.labels]
    # Where every member excludes the label both are infinite, and there is nothing to gain.
    with np.errstate(invalid="ignore"):
        gap = mixed - of_label.mean(axis=1)
    return per_sample(np.where(np.isneginf(mixed), 0.0, np.maximum(gap, 0.0)))


@metric(
    "epistemic-jackknife",
    of=Classification,
    area="uncertainty",
    better="none",
    unit="nats",
    default=False,
    source="Quenouille 1956, Notes on bias in estimation; Houlsby et al. 2011",
    check="uncertainty/epistemic-bias",
)
def epistemic_jackknife(record: Classification) -> PerSample:
    """`epistemic` with its bias from few members removed to first order: M I - (M - 1) mean of I without one member.

    What M members show of the mutual information falls short of it by about 1 / M of it; the jackknife leaves a bias of
    order 1 / M^2, at a larger variance.  With two members it is twice `epistemic`.  A sample's value may be below 0.
    """
    members = members_of(record)
    m = members.shape[1]
    kept = [disagreement(np.delete(members, i, axis=1)) for i in range(m)]
    return per_sample(m * disagreement(members) - (m - 1) * np.mean(kept, axis=0))


@metric(
    "epistemic-gini",
    of=Classification,
    area="uncertainty",
    better="none",
    range=(0, None),
    default=False,
    source="law of total variance of the one-hot outcome; Sale et al. 2024, Label-wise Uncertainty Quantification",
    check="uncertainty/epistemic-bias",
)
def epistemic_gini(record: Classification) -> PerSample:
    """Variance of the members' probabilities, summed over classes, by M - 1 degrees of freedom: unbiased for any M."""
    return per_sample(np.exp(members_of(record)).var(axis=1, ddof=1).sum(axis=1))


@metric(
    "aleatoric-gini",
    of=Classification,
    area="uncertainty",
    better="none",
    range=(0, 1),
    default=False,
    source="law of total variance of the one-hot outcome; Sale et al. 2024, Label-wise Uncertainty Quantification",
    check="uncertainty/epistemic-bias",
)
def aleatoric_gini(record: Classification) -> PerSample:
    """Mean of the members' own variances, summed over classes: 1 - sum of p^2; unbiased by their number."""
    return per_sample(1 - (np.exp(members_of(record)) ** 2).sum(axis=2).mean(axis=1))


@metric(
    "ambiguity",
    of=Regression,
    area="uncertainty",
    better="none",
    unit="units of y, squared",
    range=(0, None),
    default=False,
    source="Krogh and Vedelsby 1995, Neural Network Ensembles, Cross Validation, and Active Learning",
    check="uncertainty/diversity",
)
def ambiguity(record: Regression) -> PerSample:
    """What the mean of the members gains in squared error over them: mean member error less its own, the variance."""
    if record.member_means is None or record.member_means.shape[1] < 2:
        raise NotApplicable("the record has no ensemble: 'member_means' holds fewer than two")
    return per_sample(record.member_means.var(axis=1))
