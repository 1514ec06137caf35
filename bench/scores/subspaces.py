"""OOD scores of the part of a feature that training features hardly have."""

from __future__ import annotations

import numpy as np

from bench.arrays import Float64s, Floats
from bench.components import score
from bench.latest import latest
from bench.records import Classification
from bench.scores.features import Head, blocks, features_of, fitted_on, head_of, mean_of
from bench.scores.softmax import confidence, softmax


@score("residual", of=Classification, source="Wang et al. 2022 (ViM), arXiv:2203.10807", check="ood/vim-subspace")
def residual(record: Classification, train: Classification, dimensions: int = 0) -> Float64s:
    """Length of the feature's part outside the principal subspace of the training features, (n,), >= 0.

    The origin is where all logits are 0 (least squares).  dimensions: of the subspace; 0 is the authors' rule: 1000 of
    2048 features or more, 512 of 768 or more, half of fewer.
    """
    head = head_of(record, train)
    origin, basis = _outside(train, head, dimensions)
    return _lengths(features_of(record), origin, basis)


@score("vim", of=Classification, source="Wang et al. 2022, arXiv:2203.10807", check="ood/vim-subspace")
def vim(record: Classification, train: Classification, dimensions: int = 0) -> Float64s:
    """Virtual logit less energy: alpha `residual` - logsumexp(logits), (n,).

    alpha brings the mean residual of the training rows to their mean largest logit.  dimensions: as in `residual`.
    """
    head = head_of(record, train)
    bank, _ = fitted_on(train)
    origin, basis = _outside(train, head, dimensions)
    largest = softmax(train).largest[train.labels >= 0].sum()
    alpha = largest / max(float(_lengths(bank, origin, basis).sum()), 1e-12)
    return alpha * _lengths(features_of(record), origin, basis) - confidence(record)


def _outside(train: Classification, head: Head, dimensions: int) -> tuple[Floats, Floats]:
    """The origin (d,) and an orthonormal basis (d, d - k) of what the first k principal directions leave."""
    width = head[0].shape[1]
    wanted = dimensions or (1000 if width >= 2048 else 512 if width >= 768 else width // 2)
    origin = -np.linalg.pinv(head[0]) @ head[1]
    _, vectors = np.linalg.eigh(_moments(train, origin))  # eigenvalues ascending
    basis = np.ascontiguousarray(vectors[:, : max(width - wanted, 0)], dtype=np.float32)
    return origin.astype(np.float32), basis


def _moments(train: Classification, origin: Float64s) -> Float64s:
    """Second moments (d, d) of the training features about an origin (d,)."""
    second, mean = _raw(train)
    return second - np.outer(mean, origin) - np.outer(origin, mean) + np.outer(origin, origin)


@latest
def _raw(train: Classification) -> tuple[Float64s, Float64s]:
    """Second moments about 0 and mean, a block of rows in float64 at a time."""
    bank, _ = fitted_on(train)
    second = np.zeros((bank.shape[1],) * 2)
    for part in blocks(len(bank)):
        rows = bank[part].astype(np.float64)
        second += rows.T @ rows
    return second / len(bank), mean_of(bank)


def _lengths(features: Floats, origin: Floats, basis: Floats) -> Float64s:
    out = np.empty(len(features))
    for part in blocks(len(features)):
        out[part] = np.linalg.norm((features[part] - origin) @ basis, axis=1)
    return out
