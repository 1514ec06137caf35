"""Scores of a classifier that should be higher on inputs unlike its training data.

All are higher for more suspicious samples.  Those that compare features are fitted on the in-distribution training
rows (label >= 0) of the record that they are given.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.arrays import Float64s, Floats
from bench.components import score
from bench.covariance import ledoit_wolf
from bench.latest import latest
from bench.records import Classification
from bench.scores.features import blocks, features_of, fitted_on, log_sum_exp, mean_of, sums_of
from bench.scores.softmax import confidence, softmax


@score("msp", of=Classification, source="Hendrycks and Gimpel 2017, arXiv:1610.02136", check="ood/logit-identities")
def msp(record: Classification) -> Float64s:
    """1 minus the probability of the most probable class, (n,), in [0, 1).

    Added up from the other classes, so that it keeps its order where the maximum rounds to 1.
    """
    others = softmax(record).others
    return others / (1 + others)


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
    if temperature == 1:
        return -confidence(record)
    total = np.empty(len(record))
    for part in blocks(len(record)):
        total[part] = temperature * log_sum_exp(record.logits[part] / temperature)
    return -total


@score("mahalanobis", of=Classification, source="Lee et al. 2018, arXiv:1807.03888", check="ood/mahalanobis-isotropic")
def mahalanobis(record: Classification, train: Classification) -> Float64s:
    """Squared Mahalanobis distance of the features to the nearest class mean, (n,).

    The covariance is shared by the classes and shrunk after Ledoit and Wolf; features of one layer, no input noise.
    The nearest class is found in float32, the distance to it in float64.
    """
    return _nearest_class(record, train).copy()


@score(
    "relative-mahalanobis",
    of=Classification,
    source="Ren et al. 2021, arXiv:2106.09022",
    check="ood/mahalanobis-isotropic",
)
def relative_mahalanobis(record: Classification, train: Classification) -> Float64s:
    """`mahalanobis` minus the squared distance to one Gaussian fitted to all training features, (n,)."""
    return np.asarray(_nearest_class(record, train) - _distances(features_of(record), _background(train)))


@dataclass(frozen=True, eq=False)
class Whitened:
    """Gaussians of one covariance.  factor: its lower Cholesky factor, (d, d).  origin: (d,).

    means: those of the Gaussians less the origin, whitened, (K, d).
    """

    factor: Float64s
    origin: Float64s
    means: Float64s


@latest
def _classes(train: Classification) -> Whitened:
    """A Gaussian for each class."""
    bank, labels = fitted_on(train)
    present, position, counts = np.unique(labels, return_inverse=True, return_counts=True)
    means = sums_of(bank, position, len(present)) / counts[:, None]
    residuals = bank.astype(np.float64)
    residuals -= means[position]
    return _whitened(residuals, means)


@latest
def _background(train: Classification) -> Whitened:
    """One Gaussian for all classes."""
    bank, _ = fitted_on(train)
    mean = mean_of(bank)
    return _whitened(bank - mean, mean[None])


def _whitened(residuals: Float64s, means: Float64s) -> Whitened:
    from scipy.linalg import cholesky, solve_triangular

    factor = cholesky(ledoit_wolf(residuals)[0], lower=True)
    origin = means.mean(axis=0)  # centring first keeps the expanded square from cancelling
    return Whitened(factor, origin, solve_triangular(factor, (means - origin).T, lower=True).T)


@latest
def _nearest_class(record: Classification, train: Classification) -> Float64s:
    return _distances(features_of(record), _classes(train))


def _distances(points: Floats, to: Whitened) -> Float64s:
    """Squared distance of points (n, d) to the nearest mean, (n,)."""
    from scipy.linalg import solve_triangular

    across = np.ascontiguousarray(to.means.T, dtype=np.float32)
    half = ((to.means**2).sum(axis=1) / 2).astype(np.float32)
    out = np.empty(len(points))
    for part in blocks(len(points)):
        white = solve_triangular(to.factor, (points[part] - to.origin).T, lower=True, check_finite=False).T
        if len(half) > 1:
            closeness = white.astype(np.float32) @ across
            closeness -= half
            white -= to.means[closeness.argmax(axis=1)]
        out[part] = np.einsum("nd,nd->n", white, white)
    return out
