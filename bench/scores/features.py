"""What scores on a classifier's features share: features, the training rows that they fit on, and the last layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.arrays import AnyArray, Float64s, Floats, Ints
from bench.components import NotApplicable
from bench.records import Classification
from bench.records.head import unpacked

# Rows at a time: bounds the memory of (rows, classes) and (rows, bank) arrays, and keeps them near the cache.
BLOCK = 1024
# A head that is worked out from features and logits reproduces other rows' logits to within this share of their spread.
RECOVERED = 1e-3

Head = tuple[Float64s, Float64s]


def features_of(record: Classification) -> Floats:
    """Penultimate features, (n, d), as they are stored; `NotApplicable` where there are none."""
    if record.features is None:
        raise NotApplicable("the model gives no features")
    return record.features


def activations_of(record: Classification) -> Floats:
    """Features that are at least 0, as after a ReLU, (n, d); `NotApplicable` for others."""
    features = features_of(record)
    if features.size and float(features.min()) < 0:
        raise NotApplicable("some features are below 0: the score is defined for activations after a ReLU")
    return features


def fitted_on(train: Classification) -> tuple[Float64s, Ints]:
    """Features in float64 (n, d) and labels (n,) of the in-distribution training rows; at least two."""
    inside = train.labels >= 0
    features = features_of(train)[inside].astype(np.float64)
    if len(features) < 2:
        raise NotApplicable("fewer than two training rows in distribution")
    return features, train.labels[inside]


def head_of(record: Classification, train: Classification) -> Head:
    """The last layer: weight (C, d), bias (C,).

    Where the record doesn't carry it, it is the least-squares solution of features to logits on the training rows,
    taken only if it gives the logits of all rows of `record` too; else `NotApplicable`.
    """
    if train.head:
        return unpacked(train.head)
    features = features_of(train).astype(np.float64)
    design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    if len(train) == 0 or not np.isfinite(train.logits).all():
        raise NotApplicable("the record has no head, and no training rows to work it out from")
    solution = np.linalg.lstsq(design, train.logits, rcond=None)[0]
    weight, bias = solution[:-1].T, solution[-1]
    rebuilt = features_of(record).astype(np.float64) @ weight.T + bias
    spread = float(train.logits.std())
    if not np.abs(rebuilt - record.logits).max(initial=0.0) <= RECOVERED * spread:
        raise NotApplicable("the record has no head, and its logits are no linear function of its features")
    return weight, bias


def unit(rows: Floats) -> Floats:
    """Rows brought to unit length, in their own precision; rows of length 0 stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def blocks(count: int) -> Iterator[slice]:
    """Consecutive slices that cover `count` rows."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def log_sum_exp(logits: Floats) -> Float64s:
    """Over the last axis, the shift and the logarithm in float64, (n,)."""
    top = logits.max(axis=-1)
    return np.asarray(top + np.log(np.exp(logits - top[..., None]).sum(axis=-1, dtype=np.float64)), dtype=np.float64)


def single(head: Head) -> tuple[AnyArray, AnyArray]:
    """The layer in float32, the precision of the features: weight transposed (d, C), bias (C,)."""
    return np.ascontiguousarray(head[0].T, dtype=np.float32), head[1].astype(np.float32)
