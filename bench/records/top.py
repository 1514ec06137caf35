"""The most probable class of each row, in blocks that stay in a processor's cache."""

from __future__ import annotations

import numpy as np

from bench.arrays import Bools, Float64s, Floats, Ints
from bench.latest import frozen

BLOCK = 1 << 17  # logits at once: 1 MB
FEW = 64  # classes; up to there it pays to lay the rows of a class side by side


def top(logits: Floats, labels: Ints) -> tuple[Float64s, Bools]:
    """Probability of the most probable class, in float64, and whether it came true: each (n,).

    logits: (n, C), C >= 1, finite or -inf, never all -inf.  labels: (n,); one that is no class never came true.  Of
    classes that tie the first is the most probable.  Memory beyond the two answers: a block.
    """
    n, classes = logits.shape
    confidence, correct = np.empty(n), np.empty(n, dtype=bool)
    step = max(1, BLOCK // max(1, classes))
    for start in range(0, n, step):
        rows = slice(start, start + step)
        z = logits[rows].astype(np.float64, order="F" if classes <= FEW else "C").T
        most = z.max(axis=0)
        label = labels[rows]
        known = (label >= 0) & (label < classes)
        hit = known & (z[np.where(known, label, 0), np.arange(len(label))] == most)
        # Where others are as probable as the label, the first of them is the answer.
        tied = np.flatnonzero(hit & ((z == most).sum(axis=0) > 1))
        hit[tied] = z[:, tied].argmax(axis=0) == label[tied]
        z -= most
        np.exp(z, out=z)
        confidence[rows], correct[rows] = 1 / z.sum(axis=0), hit
    return frozen(confidence), frozen(correct)
