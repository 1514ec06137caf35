"""Scores of a classifier that should be higher on inputs unlike its training data.

All are higher for more suspicious samples.  Those that compare features are fitted on the in-distribution training
rows (label >= 0) of the record that they are given.
"""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Floats, Ints
from bench.components import NotApplicable, score
from bench.covariance import ledoit_wolf, squared_distances
from bench.records import Classification
from bench.scores.features import blocks, features_of, fitted_on, log_sum_exp, unit

NEIGHBOURS = 10
# Neighbours found beyond those wanted, in float32, whose order by more digits may be another.
SPARE = 6


@score("msp", of=Classification, source="Hendrycks and Gimpel 2017, arXiv:1610.02136", check="ood/logit-identities")
def msp(record: Classification) -> Float64s:
    """1 minus the probability of the most probable class, (n,), in [0, 1).

    Added up from the other classes, so that it keeps its order where the maximum rounds to 1.
    """
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        first = logits.argmax(axis=1)[:, None]
        odds = np.exp(logits - np.take_along_axis(logits, first, axis=1))
        np.put_along_axis(odds, first, 0.0, axis=1)
        others = odds.sum(axis=1)
        out[part] = others / (1 + others)
    return out


@score("max-logit", of=Classification, source="Hendrycks et al. 2022, arXiv:1911.11132", check="ood/logit-identities")
def max_logit(record: Classification) -> Float64s:
    """Negated largest logit, (n,).  Of a model that gives log-probabilities it is the order of `msp`."""
    return -record.logits.max(axis=1)


@score("energy", of=Classification, source="Liu et al. 2020, arXiv:2010.03759", check="ood/logit-identities")
def energy(record: Classification, temperature: float = 1.0) -> Float64s:
    """Free energy -T logsumexp(logits / T), (n,), at temperature T = 1 unless told otherwise; at 0 it is `max-logit`.

    Doesn't apply to logits that are normalised log-probabilities: their energy is 0 everywhere.
    """
    if temperature == 0:
        return max_logit(record)
    total = np.empty(len(record))
    for part in blocks(len(record)):
        total[part] = temperature * log_sum_exp(record.logits[part] / temperature)
    if temperature == 1 and len(record) and np.abs(total).max() < 1e-9:
        raise NotApplicable("the logits are normalised log-probabilities, so their energy is 0 everywhere")
    return -total


@score("mahalanobis", of=Classification, source="Lee et al. 2018, arXiv:1807.03888", check="ood/mahalanobis-isotropic")
def mahalanobis(record: Classification, train: Classification) -> Float64s:
    """Squared Mahalanobis distance of the features to the nearest class mean, (n,).

    The covariance is shared by the classes and shrunk after Ledoit and Wolf; features of one layer, no input noise.
    """
    features, labels = fitted_on(train)
    return _nearest_class(features_of(record), features, labels)


@score(
    "relative-mahalanobis",
    of=Classification,
    source="Ren et al. 2021, arXiv:2106.09022",
    check="ood/mahalanobis-isotropic",
)
def relative_mahalanobis(record: Classification, train: Classification) -> Float64s:
    """`mahalanobis` minus the squared distance to one Gaussian fitted to all training features, (n,)."""
    features, labels = fitted_on(train)
    mean = features.mean(axis=0)
    covariance, _ = ledoit_wolf(features - mean)
    points = features_of(record)
    background = np.empty(len(points))
    for part in blocks(len(points)):
        background[part] = squared_distances(points[part], mean[None], covariance)[:, 0]
    return _nearest_class(points, features, labels) - background


@score("knn", of=Classification, source="Sun et al. 2022, arXiv:2204.06507", check="ood/knn-brute-force")
def knn(record: Classification, train: Classification, neighbours: int = NEIGHBOURS) -> Float64s:
    """Euclidean distance of the features to the 10th nearest training features, (n,), in [0, 2].

    Features are first brought to unit length.  neighbours: another than the 10th.
    """
    bank, _ = fitted_on(train)
    if len(bank) < neighbours:
        raise NotApplicable(f"{len(bank)} training rows are fewer than the {neighbours} neighbours")
    bank, points = np.asarray(unit(bank), dtype=np.float64), features_of(record)
    single, spare = np.ascontiguousarray(bank.T, dtype=np.float32), min(neighbours + SPARE, len(bank))
    out = np.empty(len(points))
    for part in blocks(len(points)):
        rows = np.asarray(unit(points[part].astype(np.float64)), dtype=np.float64)
        # In float32 a few more than are wanted are found; in float64 the wanted one of these.
        near = np.argpartition(rows.astype(np.float32) @ single, -spare, axis=1)[:, -spare:]
        cosine = np.einsum("nkd,nd->nk", bank[near], rows)
        kth = np.partition(cosine, -neighbours, axis=1)[:, -neighbours]
        out[part] = np.sqrt(np.maximum(2 - 2 * kth, 0.0))
    return out


def _nearest_class(points: Floats, features: Float64s, labels: Ints) -> Float64s:
    classes, position = np.unique(labels, return_inverse=True)
    members = position[:, None] == np.arange(len(classes))
    means = members.T.astype(np.float64) @ features / members.sum(axis=0)[:, None]
    covariance, _ = ledoit_wolf(features - means[position])
    out = np.empty(len(points))
    for part in blocks(len(points)):
        out[part] = squared_distances(points[part], means, covariance).min(axis=1)
    return out
