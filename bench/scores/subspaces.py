"""OOD scores of the part of a feature that training features hardly have."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Floats
from bench.components import score
from bench.records import Classification
from bench.scores.features import Head, blocks, features_of, fitted_on, head_of, log_sum_exp, single


@score("residual", of=Classification, source="Wang et al. 2022 (ViM), arXiv:2203.10807", check="ood/vim-subspace")
def residual(record: Classification, train: Classification, dimensions: int = 0) -> Float64s:
    """Length of the feature's part outside the principal subspace of the training features, (n,), >= 0.

    The origin is where all logits are 0 (least squares).  dimensions: of the subspace; 0 is the authors' rule: 1000 of
    2048 features or more, 512 of 768 or more, half of fewer.
    """
    head = head_of(record, train)
    origin, basis = _outside(fitted_on(train)[0], head, dimensions)
    return _lengths(features_of(record), origin, basis)


@score("vim", of=Classification, source="Wang et al. 2022, arXiv:2203.10807", check="ood/vim-subspace")
def vim(record: Classification, train: Classification, dimensions: int = 0) -> Float64s:
    """Virtual logit less energy: alpha `residual` - logsumexp(logits), (n,).

    alpha brings the mean residual of the training rows to their mean largest logit.  dimensions: as in `residual`.
    """
    head = head_of(record, train)
    bank, _ = fitted_on(train)
    origin, basis = _outside(bank, head, dimensions)
    weight, bias = single(head)
    largest = [
        (bank[p].astype(np.float32) @ weight + bias).max(axis=1).sum(dtype=np.float64) for p in blocks(len(bank))
    ]
    alpha = sum(largest) / max(float(_lengths(bank.astype(np.float32), origin, basis).sum()), 1e-12)
    features = features_of(record)
    lengths = _lengths(features, origin, basis)
    energies = [log_sum_exp(features[part] @ weight + bias) for part in blocks(len(features))]
    return alpha * lengths - (np.concatenate(energies) if energies else np.empty(0))


def _outside(bank: Float64s, head: Head, dimensions: int) -> tuple[Floats, Floats]:
    """The origin (d,) and an orthonormal basis (d, d - k) of what the first k principal directions leave."""
    weight, bias = head
    width = bank.shape[1]
    wanted = dimensions or (1000 if width >= 2048 else 512 if width >= 768 else width // 2)
    origin = -np.linalg.pinv(weight) @ bias
    # Second moments about the origin: S = B'B / n - m o' - o m' + o o', without a copy of the bank.
    mean = bank.mean(axis=0)
    moments = bank.T @ bank / len(bank) - np.outer(mean, origin) - np.outer(origin, mean) + np.outer(origin, origin)
    _, vectors = np.linalg.eigh(moments)  # eigenvalues ascending
    basis = np.ascontiguousarray(vectors[:, : max(width - wanted, 0)], dtype=np.float32)
    return origin.astype(np.float32), basis


def _lengths(features: Floats, origin: Floats, basis: Floats) -> Float64s:
    out = np.empty(len(features))
    for part in blocks(len(features)):
        out[part] = np.linalg.norm((features[part] - origin) @ basis, axis=1)
    return out
