"""What scores on a classifier's features share: features, the training rows that they fit on, and the last layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.arrays import AnyArray, Float64s, Floats, Ints
from bench.components import NotApplicable
from bench.latest import latest
from bench.records import Classification
from bench.records.head import unpacked

# Rows at a time: bounds the memory of (rows, classes) and (rows, bank) arrays, and keeps them near the cache.
BLOCK = 1024
# A head that is worked out from features and logits reproduces other rows' logits to within this share of their spread.
RECOVERED = 1e-3
# One that a record carries gives its logits to within this share of the largest, which leaves room for bfloat16.
GIVEN = 2e-2
# Rows that a head which is carried is tried on.
LOOKED_AT = 64
# Rows at a time for the logarithm of a sum: what is worked on stays in the processor's cache.
CACHED = 128

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


@latest
def fitted_on(train: Classification) -> tuple[Floats, Ints]:
    """Features (n, d) as they are stored, and labels (n,), of the in-distribution training rows; at least two."""
    inside = train.labels >= 0
    features = features_of(train)
    if np.count_nonzero(inside) < 2:
        raise NotApplicable("fewer than two training rows in distribution")
    return (features, train.labels) if inside.all() else (features[inside], train.labels[inside])


@latest
def head_of(record: Classification, train: Classification) -> Head:
    """The last layer: weight (C, d), bias (C,).

    Where the record doesn't carry it, it is the least-squares solution of features to logits on the training rows,
    taken only if it gives the logits of all rows of `record` too; else `NotApplicable`, as for a head that it carries
    and that does not give the logits of 64 rows.
    """
    n, given = len(record), bool(train.head)
    weight, bias = head = unpacked(train.head) if given else _solved(train)
    rows = np.linspace(0, n - 1, min(n, LOOKED_AT)).astype(np.int64) if given else np.arange(n)
    logits, features = record.logits, features_of(record)
    if features.shape[1] != weight.shape[1] or logits.shape[1] != len(weight):
        raise NotApplicable("the head is for other features or classes than the record's")
    room = GIVEN * float(np.abs(logits[rows]).max(initial=1.0)) if given else RECOVERED * float(train.logits.std())
    for part in blocks(len(rows)):
        at = rows[part]
        apart = np.abs(features[at].astype(np.float64) @ weight.T + bias - logits[at])
        if not apart.max(initial=0.0) <= room:
            if given:
                raise NotApplicable("the record's head does not give its logits")
            raise NotApplicable("the record has no head, and its logits are no linear function of its features")
    return head


@latest
def _solved(train: Classification) -> Head:
    features = features_of(train).astype(np.float64)
    design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    if len(train) == 0 or not np.isfinite(train.logits).all():
        raise NotApplicable("the record has no head, and no training rows to work it out from")
    solution = np.linalg.lstsq(design, train.logits, rcond=None)[0]
    return solution[:-1].T, solution[-1]


@latest
def mean_of(bank: Floats) -> Float64s:
    """Mean row, added up in float64, (d,)."""
    return np.asarray(bank.mean(axis=0, dtype=np.float64), dtype=np.float64)


def sums_of(rows: AnyArray, names: Ints, count: int) -> Float64s:
    """Sum, in float64, of the rows (n, d) of each name 0 .. count - 1, (count, d)."""
    from scipy.sparse import csr_array

    out = np.zeros((count, rows.shape[1]))
    for part in blocks(len(rows)):
        at = names[part]
        members = csr_array((np.ones(len(at)), at, np.arange(len(at) + 1)), shape=(len(at), count))
        out += np.asarray(members.T @ rows[part].astype(np.float64), dtype=np.float64)
    return out


def unit(rows: Floats) -> Floats:
    """Rows brought to unit length, in their own precision; rows of length 0 stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def blocks(count: int) -> Iterator[slice]:
    """Consecutive slices that cover `count` rows."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def log_sum_exp(logits: Floats) -> Float64s:
    """Over the last axis, the shift and the logarithm in float64, (n,)."""
    return log_sum_exp_spent(logits.copy())


def log_sum_exp_spent(logits: Floats) -> Float64s:
    """As `log_sum_exp`, writing over the logits (n, C)."""
    out = np.empty(len(logits))
    for start in range(0, len(logits), CACHED):
        rows = logits[start : start + CACHED]
        top = rows.max(axis=-1, keepdims=True)
        np.subtract(rows, top, out=rows)
        np.exp(rows, out=rows)
        out[start : start + CACHED] = top[:, 0] + np.log(rows.sum(axis=-1, dtype=np.float64))
    return out


def single(head: Head) -> tuple[AnyArray, AnyArray]:
    """The layer in float32, the precision of the features: weight transposed (d, C), bias (C,)."""
    return np.ascontiguousarray(head[0].T, dtype=np.float32), head[1].astype(np.float32)
