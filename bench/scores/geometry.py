"""OOD scores of where a feature lies: to the decision boundaries, to stored patterns, to its neighbours."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s
from bench.components import NotApplicable, score
from bench.records import Classification
from bench.scores.features import blocks, features_of, fitted_on, head_of, log_sum_exp, single, unit

NEIGHBOURS = 10


@score("gradnorm", of=Classification, source="Huang, Geng and Li 2021, arXiv:2110.00218", check="ood/gradnorm")
def gradnorm(record: Classification) -> Float64s:
    """Negated L1 norm of the last layer's gradient of the cross-entropy to the uniform distribution, (n,), <= 0.

    In closed form, |features|_1 times the sum of |1 - C p_c|: the gradient is an outer product, so no model is needed.
    The authors sum over classes; a mean over them divides all by C.
    """
    features = features_of(record)
    classes = record.logits.shape[1]
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        pull = np.abs(1 - classes * np.exp(logits - log_sum_exp(logits)[:, None])).sum(axis=1)
        out[part] = -np.abs(features[part]).sum(axis=1, dtype=np.float64) * pull
    return out


@score("fdbd", of=Classification, source="Liu and Qin 2024, arXiv:2312.11536", check="ood/boundaries")
def fdbd(record: Classification, train: Classification) -> Float64s:
    """Negated mean distance to the decision boundaries, over the distance to the mean training feature, (n,), <= 0.

    The distance to class c's boundary is the logits' gap over |w_predicted - w_c|; classes of equal weights have none.
    """
    weight, _ = head_of(record, train)
    mean = fitted_on(train)[0].mean(axis=0)
    squares = (weight**2).sum(axis=1)
    gaps = np.sqrt(np.maximum(squares[:, None] - 2 * weight @ weight.T + squares, 0.0))
    with np.errstate(divide="ignore"):
        inverse = np.where(gaps > 1e-9 * np.sqrt(squares.max()), 1 / gaps, 0.0)
    np.fill_diagonal(inverse, 0.0)
    features, others = features_of(record), max(len(weight) - 1, 1)
    out = np.empty(len(record))
    for part in blocks(len(record)):
        logits = record.logits[part]
        lead = logits.max(axis=1, keepdims=True) - logits
        distance = np.einsum("nc,nc->n", lead, inverse[logits.argmax(axis=1)]) / others
        out[part] = -distance / np.maximum(np.linalg.norm(features[part] - mean, axis=1), 1e-8)
    return out


@score("she", of=Classification, source="Zhang et al. 2023, Simplified Hopfield Energy", check="ood/boundaries")
def she(record: Classification, train: Classification) -> Float64s:
    """Negated inner product of the feature with its predicted class's pattern, (n,).

    A class's pattern is the mean feature of its training rows that are classified rightly; of none, of all its rows.
    """
    bank, labels = fitted_on(train)
    right = train.where(train.labels >= 0).correct
    classes = record.logits.shape[1]
    patterns = np.zeros((classes, bank.shape[1]))
    for name in np.unique(labels):
        mine = labels == name
        patterns[name] = bank[mine & right if (mine & right).any() else mine].mean(axis=0)
    features, predicted = features_of(record), record.predicted
    return -np.einsum("nd,nd->n", features, patterns.astype(np.float32)[predicted]).astype(np.float64)


@score("nnguide", of=Classification, source="Park, Jung and Teoh 2023, arXiv:2309.14888", check="ood/neighbours")
def nnguide(record: Classification, train: Classification, neighbours: int = NEIGHBOURS) -> Float64s:
    """Negated energy confidence times its guidance, (n,).

    Confidence is logsumexp(logits); guidance the mean, over the 10 training rows that give most, of cosine similarity
    times that row's own confidence.  All training rows are the bank.
    """
    bank, _ = fitted_on(train)
    if len(bank) < neighbours:
        raise NotApplicable(f"{len(bank)} training rows are fewer than the {neighbours} neighbours")
    weight, bias = single(head_of(record, train))
    bank32 = bank.astype(np.float32)
    trusted = np.concatenate([log_sum_exp(bank32[part] @ weight + bias) for part in blocks(len(bank32))])
    guides = np.ascontiguousarray((unit(bank32) * trusted[:, None].astype(np.float32)).T)
    features = unit(features_of(record))
    out = np.empty(len(record))
    for part in blocks(len(record)):
        near = np.partition(features[part] @ guides, -neighbours, axis=1)[:, -neighbours:]
        out[part] = -log_sum_exp(record.logits[part]) * near.mean(axis=1, dtype=np.float64)
    return out
