"""Softmax in blocks that stay in a processor's cache: one number a row needs no table of probabilities."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bench.arrays import Bools, Float64s, Floats, Ints
from bench.latest import frozen

BLOCK = 1 << 17  # logits at once: 1 MB
FEW = 64  # classes; up to there it pays to lay the rows of a class side by side


def blocks(logits: Floats) -> Iterator[tuple[slice, Float64s]]:
    """Logits (n, C) less the largest of each row, in float64: some rows at a time, as (C, rows), free to change.

    C >= 1; logits finite or -inf, never all -inf in a row.  The memory of a block is that of the one before.
    """
    n, classes = logits.shape
    step = min(n, max(1, BLOCK // max(1, classes)))
    memory = np.empty((classes, step)) if classes <= FEW else np.empty((step, classes)).T
    for start in range(0, n, step or 1):
        rows = slice(start, min(n, start + step))
        z = memory[:, : rows.stop - start]
        np.copyto(z, logits[rows].T)
        with np.errstate(over="ignore"):  # a gap beyond the largest float is an infinite one, and its probability is 0
            z -= z.max(axis=0)
        yield rows, z


def top(logits: Floats, labels: Ints) -> tuple[Float64s, Bools]:
    """Probability of the most probable class, in float64, and whether it came true: each (n,).

    labels: (n,); one that is no class never came true.  Of classes that tie the first is the most probable.
    """
    n, classes = logits.shape
    confidence, correct = np.empty(n), np.empty(n, dtype=bool)
    for rows, z in blocks(logits):
        label = labels[rows]
        known = (label >= 0) & (label < classes)
        hit = known & (z[np.where(known, label, 0), np.arange(len(label))] == 0)
        # Where others are as probable as the label, the first of them is the answer.
        tied = np.flatnonzero(hit & ((z == 0).sum(axis=0) > 1))
        hit[tied] = z[:, tied].argmax(axis=0) == label[tied]
        np.exp(z, out=z)
        confidence[rows], correct[rows] = 1 / z.sum(axis=0), hit
    return frozen(confidence), frozen(correct)


def hits(logits: Floats, labels: Ints) -> Bools:
    """Whether the most probable class came true, (n,), as `top` has it: no probability is needed for that."""
    n, classes = logits.shape
    if classes > FEW:
        return frozen(logits.argmax(axis=1) == labels)
    out = np.empty(n, dtype=bool)
    step = max(1, BLOCK // max(1, classes))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        z = np.asfortranarray(logits[rows]).T
        out[rows] = z.argmax(axis=0) == labels[rows]
    return frozen(out)


def log_prob_of(logits: Floats, labels: Ints) -> Float64s:
    """Log-probability of one class of each row, (n,): labels in 0 .. C - 1."""
    out = np.empty(len(logits))
    for rows, z in blocks(logits):
        own = z[labels[rows], np.arange(z.shape[1])]
        out[rows] = own - np.log(np.exp(z, out=z).sum(axis=0))
    return out


def squared_error_of(logits: Floats, labels: Ints) -> Float64s:
    """Sum over classes of (p - y)^2 of each row, (n,): labels in 0 .. C - 1."""
    out = np.empty(len(logits))
    for rows, z in blocks(logits):
        np.exp(z, out=z)
        np.divide(z, z.sum(axis=0), out=z)
        z[labels[rows], np.arange(z.shape[1])] -= 1
        out[rows] = np.einsum("cn,cn->n", z, z)
    return out
