"""OOD scores of where a feature lies: to the decision boundaries and to stored patterns."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import score
from bench.records import Classification
from bench.scores.features import blocks, features_of, fitted_on, head_of, mean_of, sums_of
from bench.scores.softmax import softmax


@score("gradnorm", of=Classification, source="Huang, Geng and Li 2021, arXiv:2110.00218", check="ood/gradnorm")
def gradnorm(record: Classification) -> Float64s:
    """Negated L1 norm of the last layer's gradient of the cross-entropy to the uniform distribution, (n,), <= 0.

    In closed form, |features|_1 times the sum of |1 - C p_c|: the gradient is an outer product, so no model is needed.
    The authors sum over classes; a mean over them divides all by C.
    """
    lengths = np.abs(features_of(record)).sum(axis=1, dtype=np.float64)
    return -lengths * softmax(record).uneven


@score("fdbd", of=Classification, source="Liu and Qin 2024, arXiv:2312.11536", check="ood/boundaries")
def fdbd(record: Classification, train: Classification) -> Float64s:
    """Negated mean distance to the decision boundaries, over the distance to the mean training feature, (n,), <= 0.

    The distance to class c's boundary is the logits' gap over |w_predicted - w_c|; classes of equal weights have none.
    """
    weight, _ = head_of(record, train)
    mean = mean_of(fitted_on(train)[0])
    squares = (weight**2).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] - 2 * weight @ weight.T + squares, 0.0))
    with np.errstate(divide="ignore"):
        inverse = np.where(gaps > 1e-9 * np.sqrt(squares.max()), 1 / gaps, 0.0)
    np.fill_diagonal(inverse, 0.0)
    single = inverse.astype(np.float32)  # all that is added up is positive
    features, known, others = features_of(record), softmax(record), max(len(weight) - 1, 1)
    out = np.empty(len(record))
    for part in blocks(len(record)):
        lead = (known.largest[part, None] - record.logits[part]).astype(np.float32)
        distance = np.einsum("nc,nc->n", lead, single[known.predicted[part]]).astype(np.float64) / others
        out[part] = -distance / np.maximum(np.linalg.norm(features[part] - mean, axis=1), 1e-8)
    return out


@score("she", of=Classification, source="Zhang et al. 2023, Simplified Hopfield Energy", check="ood/boundaries")
def she(record: Classification, train: Classification) -> Float64s:
    """Negated inner product of the feature with its predicted class's pattern, (n,).

    A class's pattern is the mean feature of its training rows that are classified rightly; of none, of all its rows.
    """
    bank, labels = fitted_on(train)
    right = softmax(train).predicted[train.labels >= 0] == labels
    classes = record.logits.shape[1]
    sums, counts = sums_of(bank, labels, classes), np.bincount(labels, minlength=classes)
    hits = np.bincount(labels[right], minlength=classes)
    kept = np.where((hits > 0)[:, None], sums_of(bank[right], labels[right], classes), sums)
    patterns = (kept / np.maximum(np.where(hits > 0, hits, counts), 1)[:, None]).astype(np.float32)
    features, predicted = features_of(record), softmax(record).predicted
    out = np.empty(len(record))
    for part in blocks(len(record)):
        out[part] = -np.einsum("nd,nd->n", features[part], patterns[predicted[part]])
    return out
